// What a lease record says, as a note on the pod's host end (`ip link` shows it as the alias): it lives as
// long as the link, and with it a record comes back that is damaged in all its files. Pure.
//
//   fairlead1 187654321 3f2a.../eth0 5b1c-... shop/cart-0 6/8080/80
//
// Addresses and MACs are not in it: routes, neighbours and the device have them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/pods/lease.h"

namespace fairlead::agent {

// A host end as the kernel has it.
struct HostEnd {
  uint32_t ifindex = 0;
  std::string name;
  std::string alias;
  datapath::MacAddress mac{};  // of the pod
  datapath::MacAddress host_mac{};
  std::vector<IpAddress> addresses;  // of the pod
};

// nullopt: it does not fit into netlink::kMaxAliasBytes.
std::optional<std::string> AliasOf(const Lease& lease);

// The record of a committed pod, without its namespace's path. NOT_FOUND when the alias is not ours,
// DATA_LOSS when something of it, or of the device, is missing or belongs to another device.
absl::StatusOr<Lease> LeaseOf(const HostEnd& end);

}  // namespace fairlead::agent
