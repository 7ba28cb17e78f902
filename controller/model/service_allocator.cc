#include "controller/model/service_allocator.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "controller/model/content_hash.h"

namespace fairlead::controller {
namespace {

// Addresses of a range that are given out at most; a larger one is used from its beginning.
constexpr int kMaxRangeBits = 20;

IpAddress Offset(const IpPrefix& range, uint32_t offset) {
  std::array<uint8_t, 16> bytes = range.address().bytes();
  for (int i = 15; i >= 12; --i, offset >>= 8) bytes[i] |= static_cast<uint8_t>(offset);
  return IpAddress(bytes);
}

}  // namespace

const IpPrefix* ServiceAllocator::RangeOf(bool ipv4) const {
  for (const IpPrefix& range : settings_->service_cidrs) {
    if (range.address().is_v4() == ipv4) return &range;
  }
  return nullptr;
}

std::string ServiceAllocator::TakeAddress(const IpAddress& address, const std::string& owner) {
  const IpPrefix* range = RangeOf(address.is_v4());
  if (!settings_->api_server && (range == nullptr || !range->Contains(address))) {
    return absl::StrCat(address.ToString(), " is outside of the Service range",
                        range == nullptr ? "s; the controller has none of its family (--service-cidr)"
                                         : absl::StrCat(" ", range->ToString()));
  }
  auto [at, added] = addresses_.emplace(address, owner);
  return added || at->second == owner ? ""
                                      : absl::StrCat(address.ToString(), " is taken by Service ", at->second);
}

std::string ServiceAllocator::TakeNodePort(uint16_t port, policy::Protocol protocol,
                                           const std::string& owner) {
  if (!settings_->api_server && (port < settings_->node_port_first || port > settings_->node_port_last)) {
    return absl::StrCat("must be from ", settings_->node_port_first, " to ", settings_->node_port_last,
                        ", is ", port);
  }
  auto [at, added] = node_ports_[port].emplace(protocol, owner);
  return added || at->second == owner
             ? ""
             : absl::StrCat(port, "/", policy::ToString(protocol), " is taken by Service ", at->second);
}

void ServiceAllocator::ReleaseAddress(const IpAddress& address, const std::string& owner) {
  const auto taken = addresses_.find(address);
  if (taken != addresses_.end() && taken->second == owner) addresses_.erase(taken);
}

void ServiceAllocator::ReleaseNodePort(uint16_t port, policy::Protocol protocol, const std::string& owner) {
  const auto owners = node_ports_.find(port);
  if (owners == node_ports_.end()) return;
  const auto taken = owners->second.find(protocol);
  if (taken != owners->second.end() && taken->second == owner) owners->second.erase(taken);
  if (owners->second.empty()) node_ports_.erase(owners);
}

std::optional<IpAddress> ServiceAllocator::PickAddress(bool ipv4, const std::string& owner) {
  const IpPrefix* range = RangeOf(ipv4);
  if (range == nullptr) return std::nullopt;
  int bits = std::min((ipv4 ? 32 : 128) - range->length(), kMaxRangeBits);
  // The first address names the network and the last one is its broadcast address.
  uint32_t count = bits < 2 ? 0 : (1U << bits) - 2;
  uint64_t start = ContentHash().Add("cluster IP").Add(owner).Add(uint64_t{ipv4}).Number();
  for (uint32_t i = 0; i < count; ++i) {
    IpAddress address = Offset(*range, 1 + static_cast<uint32_t>((start + i) % count));
    if (addresses_.emplace(address, owner).second) return address;
  }
  return std::nullopt;
}

std::optional<uint16_t> ServiceAllocator::PickNodePort(policy::Protocol protocol, const std::string& owner) {
  if (settings_->node_port_first == 0 || settings_->node_port_last < settings_->node_port_first)
    return std::nullopt;
  uint32_t count = settings_->node_port_last - settings_->node_port_first + 1U;
  uint64_t start = ContentHash().Add("node port").Add(owner).Number();
  for (uint32_t i = 0; i < count; ++i) {
    auto port = static_cast<uint16_t>(settings_->node_port_first + (start + i) % count);
    std::map<policy::Protocol, std::string>& owners = node_ports_[port];
    if (!owners.empty()) continue;
    owners.emplace(protocol, owner);
    return port;
  }
  return std::nullopt;
}

}  // namespace fairlead::controller
