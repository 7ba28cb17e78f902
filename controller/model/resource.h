// What travels to nodes: named, versioned values. api/control.proto says what each means; these are
// the same facts without Protobuf. A version is a hash of the content.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "api/resource_id.h"
#include "base/ip.h"
#include "controller/model/settings.h"
#include "policy/compiled.h"

namespace fairlead::controller {

struct NodeConfig {
  std::string node;
  std::vector<IpPrefix> pod_cidrs;
  ClusterSettings settings;
};

struct NodeInfo {
  std::string name;
  std::vector<IpAddress> addresses;
  std::vector<IpPrefix> pod_cidrs;
};

struct Endpoint {
  std::string uid;
  std::string namespace_name;
  std::string name;
  std::string ingress_set;
  std::string egress_set;
  std::string owner;  // "Deployment/cart"; empty: none
};

struct Backend {
  IpAddress address;
  uint16_t port = 0;
  std::string node;
  std::string pod;
  bool terminating = false;

  auto operator<=>(const Backend&) const = default;
};

struct ServicePort {
  std::string name;
  policy::Protocol protocol = policy::Protocol::kTcp;
  uint16_t port = 0;
  uint16_t node_port = 0;
  std::vector<Backend> backends;  // sorted, without duplicates

  auto operator<=>(const ServicePort&) const = default;
};

struct Service {
  std::string namespace_name;
  std::string name;
  std::string uid;
  std::vector<ServicePort> ports;
  std::vector<IpAddress> cluster_ips;
  uint32_t affinity_seconds = 0;
  bool external_local = false;
  bool internal_local = false;

  auto operator<=>(const Service&) const = default;
};

// In the order of ResourceKind, from kNodeConfig on.
using Body = std::variant<NodeConfig, NodeInfo, Endpoint, policy::AddressGroup, policy::PolicySet, Service>;

struct Differences;  // delta.h

struct Resource {
  ResourceId id;
  std::string version;
  Body body;

  // Made once for all nodes, when it is first asked for; not part of the value.
  mutable std::string wire;  // sync/encode.h
  mutable std::shared_ptr<Differences> differences;
};

// Shared by all nodes that hold it; immutable.
using ResourcePtr = std::shared_ptr<const Resource>;

ResourcePtr MakeResource(const std::string& name, Body body);

}  // namespace fairlead::controller
