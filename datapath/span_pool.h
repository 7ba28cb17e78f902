// Contiguous stretches of an array, first fit, neighbours joined when they are freed. Stretches given
// back wait in quarantine until Reclaim, as ids do (id_pool.h).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace fairlead::datapath {

class SpanPool {
 public:
  // Indexes first..end-1.
  SpanPool(uint32_t first, uint32_t end) {
    if (end > first) free_[first] = end - first;
    free_entries_ = end - first;
    capacity_ = free_entries_;
  }

  // nullopt: no gap is long enough.
  std::optional<uint32_t> Take(uint32_t length);
  // Marks a stretch found in use at start; false when part of it was taken already.
  bool Adopt(uint32_t first, uint32_t length);
  // Back at once: nothing points there.
  void Return(uint32_t first, uint32_t length);
  void Retire(uint32_t first, uint32_t length) { quarantine_.emplace_back(first, length); }
  bool HasQuarantine() const { return !quarantine_.empty(); }
  // Call after a grace period.
  void Reclaim();

  uint32_t capacity() const { return capacity_; }
  uint32_t used() const { return capacity_ - free_entries_; }

 private:
  std::map<uint32_t, uint32_t> free_;  // first -> length
  std::vector<std::pair<uint32_t, uint32_t>> quarantine_;
  uint32_t capacity_ = 0;
  uint32_t free_entries_ = 0;
};

}  // namespace fairlead::datapath
