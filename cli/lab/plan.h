// What a lab consists of, before anything is made: its nodes, addresses and names. Pure.
//
// Nodes are network namespaces on one bridge, the underlay; "outside" is a host on the underlay that is
// no node. All of it lives in namespaces of its own, so labs do not see each other.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ip.h"

namespace fairlead::lab {

// Other than nodes, what `lab exec` knows by this name.
inline constexpr char kOutside[] = "outside";

struct NodePlan {
  std::string name;
  std::vector<IpAddress> addresses;  // on the underlay, IPv4 first
  std::vector<IpPrefix> pod_cidrs;   // IPv4 first

  bool operator==(const NodePlan&) const = default;
};

struct Plan {
  std::string name;
  std::string routing = "direct";  // "direct" or "vxlan"
  bool ipv4 = true;
  bool ipv6 = true;
  bool masquerade = true;
  bool socket_balancing = true;
  std::vector<NodePlan> nodes;

  bool operator==(const Plan&) const = default;
};

// Underlay prefix lengths, and the addresses of "outside": one on the underlay and one beyond it
// (TEST-NET-3, RFC 5737; documentation prefix, RFC 3849), which nodes reach by their default route.
inline constexpr int kUnderlayLengthV4 = 24;
inline constexpr int kUnderlayLengthV6 = 64;
std::vector<IpAddress> OutsideUnderlayAddresses(const Plan& plan);
std::vector<IpAddress> OutsideRemoteAddresses(const Plan& plan);
std::string ServiceCidrs(const Plan& plan);

// Lower-case letters, digits and dashes, at most 20: it becomes part of names of namespaces.
absl::Status CheckLabName(absl::string_view name);

// The node's addresses are a function of its position (0 first).
NodePlan MakeNode(const Plan& plan, int position, const std::string& name);
inline constexpr int kMaxNodes = 50;

// One text for `ip -batch` a namespace. Devices are made from the underlay's namespace into the others.
struct NetworkCommands {
  std::string underlay;
  std::string outside;
  std::map<std::string, std::string> nodes;
};
NetworkCommands CommandsFor(const Plan& plan, const std::map<std::string, std::string>& namespace_names);

// As lab.json holds it.
std::string ToJsonText(const Plan& plan);
absl::StatusOr<Plan> PlanFromJsonText(const std::string& text);

}  // namespace fairlead::lab
