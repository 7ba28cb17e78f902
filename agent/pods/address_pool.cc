#include "agent/pods/address_pool.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace fairlead::agent {
namespace {

// `address` plus `offset`, as a number of 128 bits.
IpAddress Plus(const IpAddress& address, uint64_t offset) {
  std::array<uint8_t, 16> bytes = address.bytes();
  for (size_t i = bytes.size(); i > 0 && offset > 0; --i) {
    offset += bytes[i - 1];
    bytes[i - 1] = static_cast<uint8_t>(offset);
    offset >>= 8;
  }
  return IpAddress(bytes);
}

}  // namespace

AddressPool::AddressPool(const IpPrefix& prefix, int64_t cooldown_ns)
    : prefix_(prefix), cooldown_ns_(cooldown_ns) {
  const int bits = 128 - prefix.length128();
  const uint64_t all = bits >= 17 ? kMaxSize : uint64_t{1} << bits;
  end_offset_ = std::min(all, kMaxSize);
  if (bits >= 2) {
    // The network's own address (IPv6: that of all its routers), and IPv4's broadcast.
    first_offset_ = 1;
    if (prefix.address().is_v4() && all < kMaxSize) --end_offset_;
  }
  next_fresh_ = first_offset_;
}

IpAddress AddressPool::At(uint64_t offset) const {
  return Plus(prefix_.address(), offset);
}

bool AddressPool::Usable(const IpAddress& address) const {
  return prefix_.Contains(address) && At(first_offset_) <= address && address <= At(end_offset_ - 1);
}

absl::StatusOr<IpAddress> AddressPool::Take(int64_t now_ns) {
  for (; next_fresh_ < end_offset_; ++next_fresh_) {
    const IpAddress address = At(next_fresh_);
    if (taken_.contains(address) || IsReturned(address)) continue;
    ++next_fresh_;
    taken_.insert(address);
    return address;
  }
  if (!returned_.empty() && returned_.front().ready_ns <= now_ns) {
    const IpAddress address = returned_.front().address;
    returned_.pop_front();
    returned_set_.erase(address);
    taken_.insert(address);
    return address;
  }
  return absl::ResourceExhaustedError(absl::StrCat("no address of ", prefix_.ToString(), " is free"));
}

absl::Status AddressPool::TakeThis(const IpAddress& address, int64_t now_ns) {
  if (!Usable(address)) {
    return absl::OutOfRangeError(
        absl::StrCat(address.ToString(), " is no pod address of ", prefix_.ToString()));
  }
  if (taken_.contains(address))
    return absl::AlreadyExistsError(absl::StrCat(address.ToString(), " is in use"));
  auto returned = std::find_if(returned_.begin(), returned_.end(),
                               [&](const Returned& r) { return r.address == address; });
  if (returned != returned_.end()) {
    if (returned->ready_ns > now_ns) {
      return absl::UnavailableError(absl::StrCat(address.ToString(),
                                                 " was in use until now and cools down for another ",
                                                 (returned->ready_ns - now_ns) / 1'000'000'000 + 1, " s"));
    }
    returned_.erase(returned);
    returned_set_.erase(address);
  }
  taken_.insert(address);
  return absl::OkStatus();
}

void AddressPool::Restore(const IpAddress& address) {
  if (prefix_.Contains(address)) taken_.insert(address);
}

void AddressPool::GiveBack(const IpAddress& address, int64_t now_ns) {
  taken_.erase(address);
  if (!Usable(address) || IsReturned(address)) return;
  const Returned returned{address, now_ns + cooldown_ns_};
  // Records read from disk may come in any order.
  auto place = std::upper_bound(returned_.begin(), returned_.end(), returned,
                                [](const Returned& a, const Returned& b) { return a.ready_ns < b.ready_ns; });
  returned_.insert(place, returned);
  returned_set_.insert(address);
}

AddressPool::Counts AddressPool::Count(int64_t now_ns) const {
  Counts counts{.size = end_offset_ - first_offset_, .used = taken_.size()};
  for (auto r = returned_.rbegin(); r != returned_.rend() && r->ready_ns > now_ns; ++r) ++counts.cooling;
  counts.free = counts.size - std::min(counts.size, counts.used + counts.cooling);
  return counts;
}

}  // namespace fairlead::agent
