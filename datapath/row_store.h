// Rows of bits in the array "row_word", each held once however many generations point to it.
//
// A stored row is its summary words followed by those of its words that are not zero (abi/policy.h). Rows
// that nobody points to any more stay until Reclaim, which the caller runs after a grace period; until then
// the same row can be taken up again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datapath/kernel_maps.h"
#include "datapath/span_pool.h"
#include "datapath/table.h"
#include "policy/classifier.h"

namespace fairlead::datapath {

using StoredRow = std::vector<uint64_t>;

// `row` with its summary in front, for a set of `word_count` words.
StoredRow EncodeRow(const policy::Row& row, uint32_t word_count);

class RowStore {
 public:
  RowStore(KernelMaps& kernel, WriteStats& stats);

  // Offset of the row, written if no equal one is held; one reference more.
  // RESOURCE_EXHAUSTED when it does not fit.
  absl::StatusOr<uint32_t> Acquire(const StoredRow& row);
  // One reference more to a row that a predecessor wrote. DATA_LOSS when it overlaps another.
  absl::Status Adopt(uint32_t offset, uint32_t summary_count);
  void Release(uint32_t offset);
  const StoredRow& At(uint32_t offset) const { return by_offset_.at(offset).content; }

  bool HasGarbage() const { return !garbage_.empty(); }
  void Reclaim();

  // Reads every row back and mends it.
  absl::Status Verify();

  uint32_t used() const { return pool_.used(); }
  uint32_t capacity() const { return pool_.capacity(); }

 private:
  struct Stored {
    StoredRow content;
    uint32_t references = 0;
  };

  // Words of a row that a predecessor wrote.
  absl::StatusOr<uint32_t> LengthOf(uint32_t offset, uint32_t summary_count) const;

  KernelMaps& kernel_;
  WriteStats& stats_;
  SpanPool pool_;
  absl::flat_hash_map<uint32_t, Stored> by_offset_;
  absl::flat_hash_map<StoredRow, uint32_t> by_content_;
  std::vector<uint32_t> garbage_;  // offsets that had no reference at some time since Reclaim
};

}  // namespace fairlead::datapath
