#include "datapath/span_pool.h"

namespace fairlead::datapath {

std::optional<uint32_t> SpanPool::Take(uint32_t length) {
  if (length == 0) return 0;
  for (auto gap = free_.begin(); gap != free_.end(); ++gap) {
    if (gap->second < length) continue;
    const uint32_t first = gap->first;
    const uint32_t rest = gap->second - length;
    free_.erase(gap);
    if (rest > 0) free_[first + length] = rest;
    free_entries_ -= length;
    return first;
  }
  return std::nullopt;
}

bool SpanPool::Adopt(uint32_t first, uint32_t length) {
  if (length == 0) return true;
  auto gap = free_.upper_bound(first);
  if (gap == free_.begin()) return false;
  --gap;
  const auto [start, size] = *gap;
  if (first + uint64_t{length} > start + uint64_t{size}) return false;
  free_.erase(gap);
  if (first > start) free_[start] = first - start;
  if (start + size > first + length) free_[first + length] = start + size - first - length;
  free_entries_ -= length;
  return true;
}

void SpanPool::Reclaim() {
  for (const auto& [first, length] : quarantine_) Return(first, length);
  quarantine_.clear();
}

void SpanPool::Return(uint32_t first, uint32_t length) {
  if (length == 0) return;
  free_entries_ += length;
  auto [at, added] = free_.emplace(first, length);
  if (auto next = std::next(at); next != free_.end() && first + length == next->first) {
    at->second += next->second;
    free_.erase(next);
  }
  if (at != free_.begin()) {
    auto before = std::prev(at);
    if (before->first + before->second == first) {
      before->second += at->second;
      free_.erase(at);
    }
  }
}

}  // namespace fairlead::datapath
