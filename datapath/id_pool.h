// Numbers first..last, each used by one thing at a time. A number that is given back waits in
// quarantine until Reclaim (no program can hold it any more), and then goes to the end of the queue,
// so that a number comes back as late as possible.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_set.h"

namespace fairlead::datapath {

class IdPool {
 public:
  IdPool(uint32_t first, uint32_t last) : next_(first), last_(last), first_(first) {}

  // nullopt: all are in use or in quarantine.
  std::optional<uint32_t> Take() {
    while (next_ <= last_) {
      const uint32_t id = next_++;
      if (taken_.insert(id).second) return id;
    }
    if (free_.empty()) return std::nullopt;
    const uint32_t id = free_.front();
    free_.pop_front();
    taken_.insert(id);
    return id;
  }
  // Marks a number that is found in use at start; false when it was taken already.
  bool Adopt(uint32_t id) { return id >= first_ && id <= last_ && taken_.insert(id).second; }
  void Retire(uint32_t id) { quarantine_.push_back(id); }

  bool HasQuarantine() const { return !quarantine_.empty(); }
  const std::vector<uint32_t>& quarantine() const { return quarantine_; }
  // Call after a grace period.
  void Reclaim() {
    for (const uint32_t id : quarantine_) {
      taken_.erase(id);
      if (id < next_) free_.push_back(id);
    }
    quarantine_.clear();
  }

  uint32_t capacity() const { return last_ - first_ + 1; }
  uint32_t used() const { return static_cast<uint32_t>(taken_.size()); }

 private:
  uint32_t next_;  // numbers from here on were never used, except adopted ones
  uint32_t last_;
  uint32_t first_;
  absl::flat_hash_set<uint32_t> taken_;  // in use or in quarantine
  std::vector<uint32_t> quarantine_;
  std::deque<uint32_t> free_;
};

}  // namespace fairlead::datapath
