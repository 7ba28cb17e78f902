// Gives out cluster IPs and node ports: by a hash of who asks, the next free one where two collide.
// The order of asking matters only for those that collide. Knows nothing of objects.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/ip.h"
#include "controller/model/settings.h"
#include "policy/model.h"

namespace fairlead::controller {

class ServiceAllocator {
 public:
  // `settings` must outlive it.
  explicit ServiceAllocator(const ClusterSettings& settings) : settings_(&settings) {}

  // "" when taken for `owner`, otherwise why it cannot be.
  std::string TakeAddress(const IpAddress& address, const std::string& owner);
  std::string TakeNodePort(uint16_t port, policy::Protocol protocol, const std::string& owner);

  // Nothing happens where `owner` does not have it.
  void ReleaseAddress(const IpAddress& address, const std::string& owner);
  void ReleaseNodePort(uint16_t port, policy::Protocol protocol, const std::string& owner);

  // Nothing: the range is full, or there is none of the family.
  std::optional<IpAddress> PickAddress(bool ipv4, const std::string& owner);
  std::optional<uint16_t> PickNodePort(policy::Protocol protocol, const std::string& owner);

 private:
  const IpPrefix* RangeOf(bool ipv4) const;

  const ClusterSettings* settings_;
  std::map<IpAddress, std::string> addresses_;
  std::map<uint16_t, std::map<policy::Protocol, std::string>> node_ports_;
};

}  // namespace fairlead::controller
