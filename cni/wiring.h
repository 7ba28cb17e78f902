// A pod's link: making it as the agent has prepared it, checking it, and taking it away. Only
// netlink; which addresses and names are used is the agent's decision.
//
// The host's end stays down: the agent brings it up once its programs and the pod's policy are there.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/ip.h"
#include "base/netlink/link.h"

namespace fairlead::cni {

// What the agent answers to the first half of ADD.
struct PreparedLink {
  std::vector<IpAddress> addresses;
  netlink::MacAddress mac{}, host_mac{};
  std::string host_interface;
  std::vector<IpAddress> gateways;  // link-local, one a family
  uint32_t mtu = 0;
  std::vector<std::pair<IpPrefix, uint32_t>> route_mtus;
  bool existing = false;  // an earlier ADD of this sandbox has made it
};

struct WiredPod {
  uint32_t host_ifindex = 0;
  std::vector<IpAddress> default_gateways;  // of the families whose default route is this interface's
};

// Makes the pair (or takes over that of an earlier ADD) and configures the pod's end completely. `if_name` is
// the name inside the pod.
//
// In a family in which the pod has a default route by another interface already, that one keeps it: this
// interface's routes then stand in a table of its own, which packets from its addresses are led to by a rule.
absl::StatusOr<WiredPod> WirePod(int pod_netns_fd, const std::string& if_name, const PreparedLink& link);

// What CHECK compares with, from "prevResult".
struct ExpectedLink {
  std::string mac;
  std::vector<IpAddress> addresses;
  std::vector<IpAddress> gateways;
  std::string host_mac;
};

// What CHECK found on the pod's interface, for the agent's half of the check.
struct FoundLink {
  std::string mac;
  std::vector<IpAddress> addresses;
};

// The interface is up, has the addresses, the default routes through the gateways (in the main table, or in
// its own one with the rules that lead there) and their permanent neighbours. Errors say what differs, with
// code 101.
absl::StatusOr<FoundLink> CheckPod(int pod_netns_fd, const std::string& if_name,
                                   const ExpectedLink& expected);

// Deletes the pair when the pod's interface is one end of a pair of ours ("flp..."); OK when it is not.
// The rules for the addresses of an interface that has its own table; the kernel keeps them when the device
// goes.
absl::Status RemoveRules(int pod_netns_fd, const std::string& if_name);

absl::Status UnwirePod(int pod_netns_fd, const std::string& if_name);

absl::StatusOr<netlink::MacAddress> ParseMac(const std::string& text);

}  // namespace fairlead::cni
