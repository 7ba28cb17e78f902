// Resources as a controller sends them, for tests of the agent.
#pragma once

#include <string>
#include <vector>

#include "agent/resource.h"
#include "base/ip.h"

namespace fairlead::agent {

inline IpPrefix Prefix(const std::string& text) {
  return IpPrefix::Parse(text).value();
}

inline IpAddress Address(const std::string& text) {
  return IpAddress::Parse(text).value();
}

inline Change ConfigOf(const std::string& node, const std::string& version = "1") {
  datapath::NodeSettings settings;
  settings.node = node;
  settings.pod_cidrs = {Prefix("10.244.1.0/24"), Prefix("fd00:10:244:1::/64")};
  settings.service_cidrs = {Prefix("10.96.0.0/16"), Prefix("fd00:10:96::/112")};
  return {{ResourceKind::kNodeConfig, node}, version, settings};
}

inline Change NodeOf(const std::string& name, const std::string& address) {
  return {{ResourceKind::kNode, name}, "1", datapath::RemoteNode{name, {Address(address)}, {}}};
}

inline Change GroupOf(const std::string& name, const std::vector<std::string>& members,
                      const std::string& version = "1") {
  policy::AddressGroup group;
  for (const std::string& member : members) group.members.push_back(Prefix(member));
  return {{ResourceKind::kAddressGroup, name}, version, group};
}

// Allows `group` and denies the rest, in the name of policy shop/NAME.
inline Change SetOf(const std::string& name, const std::string& group,
                    policy::Direction direction = policy::Direction::kIngress) {
  policy::Rule allow;
  allow.peers = {group};
  allow.any_port = true;
  allow.origin = {"NetworkPolicy", "shop", name, "spec.ingress[0]", {}};
  policy::Rule deny;
  deny.action = policy::Action::kDeny;
  deny.any_peer = deny.any_port = true;
  deny.origin = {"NetworkPolicy", "", "", "default deny", {"shop/" + name}};
  return {{ResourceKind::kPolicySet, name}, "1", policy::PolicySet{direction, {allow, deny}}};
}

inline Change PodOf(const std::string& uid, const std::string& name, const std::string& ingress_set = "") {
  return {{ResourceKind::kEndpoint, uid}, "1", PodPolicy{uid, "shop", name, ingress_set, ""}};
}

inline Change ServiceOf(const std::string& name, const std::vector<std::string>& backends,
                        const std::string& version = "1") {
  datapath::Service service;
  service.namespace_name = "shop";
  service.name = name;
  service.cluster_ips = {Address("10.96.0.10")};
  service.ports = {{"http", 6, 80, 0, {}}};
  for (const std::string& backend : backends) {
    service.ports[0].backends.push_back({Address(backend), 8080, "shop/cart-0", "", false});
  }
  return {{ResourceKind::kService, "shop/" + name}, version, service};
}

inline Change Removal(ResourceKind kind, const std::string& name) {
  return {{kind, name}, "", Removed{}};
}

}  // namespace fairlead::agent
