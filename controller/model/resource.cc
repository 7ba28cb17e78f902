#include "controller/model/resource.h"

#include <utility>

#include "controller/model/content_hash.h"

namespace fairlead::controller {
namespace {

template <typename T>
void AddList(ContentHash& hash, const std::vector<T>& list) {
  hash.Add(uint64_t{list.size()});
  for (const T& item : list) hash.Add(item);
}

void AddBody(ContentHash& hash, const NodeConfig& config) {
  const ClusterSettings& s = config.settings;
  hash.Add(config.node);
  AddList(hash, config.pod_cidrs);
  AddList(hash, s.native_cidrs);
  AddList(hash, s.service_cidrs);
  for (uint64_t number :
       {uint64_t(s.routing), uint64_t{s.vxlan_vni}, uint64_t{s.vxlan_port}, uint64_t{s.masquerade},
        uint64_t{s.socket_balancing}, uint64_t{s.node_port_first}, uint64_t{s.node_port_last}}) {
    hash.Add(number);
  }
}

void AddBody(ContentHash& hash, const NodeInfo& node) {
  hash.Add(node.name);
  AddList(hash, node.addresses);
  AddList(hash, node.pod_cidrs);
}

void AddBody(ContentHash& hash, const Endpoint& endpoint) {
  hash.Add(endpoint.uid).Add(endpoint.namespace_name).Add(endpoint.name);
  hash.Add(endpoint.ingress_set).Add(endpoint.egress_set).Add(endpoint.owner);
}

void AddBody(ContentHash& hash, const policy::AddressGroup& group) {
  AddList(hash, group.members);
  AddList(hash, group.exceptions);
  hash.Add(group.description);
}

void AddBody(ContentHash& hash, const policy::PolicySet& set) {
  hash.Add(uint64_t(set.direction)).Add(uint64_t{set.rules.size()});
  for (const policy::Rule& rule : set.rules) {
    hash.Add(uint64_t(rule.action)).Add(uint64_t{rule.any_peer}).Add(uint64_t{rule.any_port});
    AddList(hash, rule.peers);
    hash.Add(uint64_t{rule.ports.size()});
    for (const policy::PortRange& range : rule.ports) {
      hash.Add(uint64_t(range.protocol)).Add(uint64_t{range.first}).Add(uint64_t{range.last});
    }
    const policy::RuleOrigin& origin = rule.origin;
    hash.Add(origin.kind).Add(origin.namespace_name).Add(origin.name).Add(origin.place);
    AddList(hash, origin.isolating);
  }
}

void AddBody(ContentHash& hash, const Service& service) {
  hash.Add(service.namespace_name).Add(service.name).Add(service.uid);
  hash.Add(uint64_t{service.affinity_seconds})
      .Add(uint64_t{service.external_local})
      .Add(uint64_t{service.internal_local});
  AddList(hash, service.cluster_ips);
  hash.Add(uint64_t{service.ports.size()});
  for (const ServicePort& port : service.ports) {
    hash.Add(port.name).Add(uint64_t(port.protocol)).Add(uint64_t{port.port}).Add(uint64_t{port.node_port});
    hash.Add(uint64_t{port.backends.size()});
    for (const Backend& backend : port.backends) {
      hash.Add(backend.address).Add(uint64_t{backend.port}).Add(backend.node).Add(backend.pod);
      hash.Add(uint64_t{backend.terminating});
    }
  }
}

}  // namespace

ResourcePtr MakeResource(const std::string& name, Body body) {
  auto resource = std::make_shared<Resource>();
  resource->id = {static_cast<ResourceKind>(body.index() + 1), name};
  ContentHash hash;
  hash.Add(uint64_t{body.index()});
  std::visit([&](const auto& value) { AddBody(hash, value); }, body);
  resource->version = hash.Hex();
  resource->body = std::move(body);
  return resource;
}

}  // namespace fairlead::controller
