#include "datapath/row_store.h"

#include <bit>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace fairlead::datapath {

StoredRow EncodeRow(const policy::Row& row, uint32_t word_count) {
  const uint32_t summary_count = (word_count + 63) / 64;
  StoredRow stored(summary_count, 0);
  for (uint32_t i = 0; i < word_count && i < row.size(); ++i) {
    if (row[i] == 0) continue;
    stored[i / 64] |= uint64_t{1} << (i % 64);
    stored.push_back(row[i]);
  }
  return stored;
}

RowStore::RowStore(KernelMaps& kernel, WriteStats& stats)
    : kernel_(kernel), stats_(stats), pool_(0, kernel.Capacity(MapId::kRowWord)) {}

absl::StatusOr<uint32_t> RowStore::Acquire(const StoredRow& row) {
  if (auto held = by_content_.find(row); held != by_content_.end()) {
    ++by_offset_[held->second].references;
    return held->second;
  }
  const auto length = static_cast<uint32_t>(row.size());
  const std::optional<uint32_t> offset = pool_.Take(length);
  if (!offset) return FullError(MapId::kRowWord, pool_.used(), pool_.capacity());
  if (absl::Status status = kernel_.WriteSpan(MapId::kRowWord, *offset, row.data(), length); !status.ok()) {
    pool_.Return(*offset, length);
    return status;
  }
  stats_.writes += length;
  by_offset_[*offset] = Stored{row, 1};
  by_content_[row] = *offset;
  return *offset;
}

absl::StatusOr<uint32_t> RowStore::LengthOf(uint32_t offset, uint32_t summary_count) const {
  std::vector<uint64_t> summary(summary_count);
  RETURN_IF_ERROR(kernel_.ReadSpan(MapId::kRowWord, offset, summary.data(), summary_count));
  uint32_t length = summary_count;
  for (const uint64_t word : summary) length += static_cast<uint32_t>(std::popcount(word));
  return length;
}

absl::Status RowStore::Adopt(uint32_t offset, uint32_t summary_count) {
  ASSIGN_OR_RETURN(const uint32_t length, LengthOf(offset, summary_count));
  if (auto held = by_offset_.find(offset); held != by_offset_.end()) {
    if (held->second.content.size() != length) {
      return absl::DataLossError(absl::StrCat("adopt row_word[", offset, "]: two lengths of one row"));
    }
    ++held->second.references;
    return absl::OkStatus();
  }
  if (!pool_.Adopt(offset, length)) {
    return absl::DataLossError(absl::StrCat("adopt row_word[", offset, "]: it overlaps another row"));
  }
  StoredRow content(length);
  RETURN_IF_ERROR(kernel_.ReadSpan(MapId::kRowWord, offset, content.data(), length));
  by_content_.try_emplace(content, offset);
  by_offset_[offset] = Stored{std::move(content), 1};
  return absl::OkStatus();
}

void RowStore::Release(uint32_t offset) {
  if (--by_offset_.at(offset).references == 0) garbage_.push_back(offset);
}

void RowStore::Reclaim() {
  for (const uint32_t offset : garbage_) {
    auto stored = by_offset_.find(offset);
    if (stored == by_offset_.end() || stored->second.references > 0) continue;
    auto named = by_content_.find(stored->second.content);
    if (named != by_content_.end() && named->second == offset) by_content_.erase(named);
    pool_.Return(offset, static_cast<uint32_t>(stored->second.content.size()));
    by_offset_.erase(stored);
  }
  garbage_.clear();
}

absl::Status RowStore::Verify() {
  StoredRow actual;
  for (const auto& [offset, stored] : by_offset_) {
    actual.resize(stored.content.size());
    const auto length = static_cast<uint32_t>(actual.size());
    RETURN_IF_ERROR(kernel_.ReadSpan(MapId::kRowWord, offset, actual.data(), length));
    if (actual == stored.content) continue;
    RETURN_IF_ERROR(kernel_.WriteSpan(MapId::kRowWord, offset, stored.content.data(), length));
    ++stats_.repaired;
  }
  return absl::OkStatus();
}

}  // namespace fairlead::datapath
