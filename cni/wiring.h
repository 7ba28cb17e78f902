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

// Makes the pair (or takes over that of an earlier ADD) and configures the pod's end completely.
// Returns the index of the host's end. `if_name` is the name inside the pod.
absl::StatusOr<uint32_t> WirePod(int pod_netns_fd, const std::string& if_name, const PreparedLink& link);

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

// The interface is up, has the addresses, the default routes through the gateways and their permanent
// neighbours. Errors say what differs, with code 101.
absl::StatusOr<FoundLink> CheckPod(int pod_netns_fd, const std::string& if_name,
                                   const ExpectedLink& expected);

// Deletes the pair when the pod's interface is one end of a pair of ours ("flp..."); OK when it is not.
absl::Status UnwirePod(int pod_netns_fd, const std::string& if_name);

absl::StatusOr<netlink::MacAddress> ParseMac(const std::string& text);

}  // namespace fairlead::cni
