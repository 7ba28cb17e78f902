// The addresses of one pod CIDR: which are taken, which cool down, which come next. Pure: time is an
// argument.
//
// Addresses that were never used come first, in order; then those that were given back, the oldest
// first, and none before its cool-down is over, so that nobody still talks to its last owner.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>

#include "absl/status/statusor.h"
#include "base/ip.h"

namespace fairlead::agent {

class AddressPool {
 public:
  // At most this many addresses of a range are used, so that counting in a /64 stays finite.
  static constexpr uint64_t kMaxSize = 1 << 16;

  AddressPool(const IpPrefix& prefix, int64_t cooldown_ns);

  const IpPrefix& prefix() const { return prefix_; }

  // RESOURCE_EXHAUSTED when none is free.
  absl::StatusOr<IpAddress> Take(int64_t now_ns);
  // One that the caller wants: OUT_OF_RANGE, ALREADY_EXISTS (taken), UNAVAILABLE (cooling).
  absl::Status TakeThis(const IpAddress& address, int64_t now_ns);
  // For records that were there before: no rules but the range's.
  void Restore(const IpAddress& address);
  // `address` cools down from `now_ns` on.
  void GiveBack(const IpAddress& address, int64_t now_ns);

  struct Counts {
    uint64_t size = 0, used = 0, cooling = 0, free = 0;
  };
  Counts Count(int64_t now_ns) const;

 private:
  struct Returned {
    IpAddress address;
    int64_t ready_ns = 0;
  };

  IpAddress At(uint64_t offset) const;
  bool Usable(const IpAddress& address) const;
  bool IsReturned(const IpAddress& address) const { return returned_set_.contains(address); }

  IpPrefix prefix_;
  int64_t cooldown_ns_;
  uint64_t first_offset_ = 0;  // usable are [first_offset_, end_offset_)
  uint64_t end_offset_ = 0;
  uint64_t next_fresh_ = 0;  // everything below was used once, or is in one of these:
  std::set<IpAddress> taken_;
  std::deque<Returned> returned_;  // oldest first
  std::set<IpAddress> returned_set_;
};

}  // namespace fairlead::agent
