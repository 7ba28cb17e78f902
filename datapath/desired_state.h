// Everything that a node's datapath is to hold, as one plain value. The agent builds it from the
// ControlApi resources and its own endpoints; Datapath::Apply makes the kernel hold it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/ip.h"
#include "policy/compiled.h"

namespace fairlead::datapath {

using MacAddress = std::array<uint8_t, 6>;

enum class Routing { kDirect, kVxlan };

struct NodeSettings {
  std::string node;
  std::vector<IpAddress> node_addresses;  // of this node
  std::vector<IpPrefix> pod_cidrs;        // of this node
  Routing routing = Routing::kDirect;
  uint32_t vxlan_vni = 1;
  uint16_t vxlan_port = 8472;
  std::vector<IpPrefix> native_cidrs;   // outside ranges that are not masqueraded
  std::vector<IpPrefix> service_cidrs;  // what no Service has there is refused
  bool masquerade = false;
  uint16_t node_port_first = 30000;
  uint16_t node_port_last = 32767;
  bool socket_balancing = true;

  bool operator==(const NodeSettings&) const = default;
};

struct RemoteNode {
  std::string name;
  std::vector<IpAddress> addresses;
  std::vector<IpPrefix> pod_cidrs;

  bool operator==(const RemoteNode&) const = default;
};

// hostPort of a pod, translated by the datapath.
struct PortMapping {
  uint8_t protocol = 6;  // IANA
  uint16_t host_port = 0;
  uint16_t container_port = 0;
  IpAddress host_ip;  // ::: every address of the node

  bool operator==(const PortMapping&) const = default;
};

// A sandbox that lives on this node.
struct LocalEndpoint {
  std::string key;  // "sandbox/interface": unique on the node
  std::string pod_uid;
  std::string namespace_name;
  std::string pod_name;
  uint32_t generation = 0;  // counts up over the sandboxes of the node
  uint32_t ifindex = 0;     // of the host's end
  std::string host_interface;
  MacAddress mac{};
  MacAddress host_mac{};
  std::vector<IpAddress> addresses;
  // False until the controller or the state on disk has said which policy applies: everything
  // drops with the reason "not yet programmed".
  bool policy_known = false;
  std::string ingress_set;  // names in DesiredState::sets; empty: not isolated
  std::string egress_set;
  std::vector<PortMapping> port_mappings;

  bool operator==(const LocalEndpoint&) const = default;
};

struct ServiceBackend {
  IpAddress address;
  uint16_t port = 0;
  std::string pod;   // "namespace/name", for people
  std::string node;  // empty: not known
  bool terminating = false;

  auto operator<=>(const ServiceBackend&) const = default;
};

struct ServicePort {
  std::string name;
  uint8_t protocol = 6;  // IANA
  uint16_t port = 0;
  uint16_t node_port = 0;  // 0: none
  std::vector<ServiceBackend> backends;

  bool operator==(const ServicePort&) const = default;
};

struct Service {
  std::string namespace_name;
  std::string name;
  std::vector<IpAddress> cluster_ips;
  std::vector<ServicePort> ports;
  uint32_t affinity_seconds = 0;
  bool external_local = false;
  bool internal_local = false;

  bool operator==(const Service&) const = default;
};

struct DesiredState {
  NodeSettings settings;
  std::map<std::string, RemoteNode> nodes;             // by name, without this one
  std::map<std::string, LocalEndpoint> endpoints;      // by key
  std::map<std::string, policy::AddressGroup> groups;  // by name
  std::map<std::string, policy::PolicySet> sets;       // by name
  std::map<std::string, Service> services;             // by "namespace/name"
  // False while a source has not told everything yet: nothing is deleted from the kernel.
  bool complete = false;
};

}  // namespace fairlead::datapath
