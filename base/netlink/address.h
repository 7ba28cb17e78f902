// Addresses of network devices.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/ip.h"
#include "base/netlink/socket.h"

namespace fairlead::netlink {

struct InterfaceAddress {
  uint32_t ifindex = 0;
  IpAddress address;
  int prefix_length = 0;  // of the address's family
  bool tentative = false;
  bool link_scope = false;  // fe80::/10, 169.254.0.0/16 when configured so
};

// Adds or keeps the address. IPv6 without duplicate address detection: usable at once.
absl::Status AddAddress(Socket& socket, uint32_t ifindex, const IpAddress& address, int prefix_length);
absl::Status DeleteAddress(Socket& socket, uint32_t ifindex, const IpAddress& address, int prefix_length);
// Of all devices of the namespace, both families.
absl::StatusOr<std::vector<InterfaceAddress>> Addresses(Socket& socket);

}  // namespace fairlead::netlink
