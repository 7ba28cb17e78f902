#include "controller/sync/encode.h"

#include <utility>

namespace fairlead::controller {
namespace {

namespace pb = control::v1;

constexpr size_t kMaxOutstanding = 10'000;  // of an agent, that are told to other replicas

void SetPrefix(const IpPrefix& prefix, pb::IpPrefix* out) {
  out->set_address(prefix.address().ToBytes());
  out->set_length(static_cast<uint32_t>(prefix.length()));
}

template <typename Field>
void AddPrefixes(const std::vector<IpPrefix>& prefixes, Field* out) {
  for (const IpPrefix& prefix : prefixes) SetPrefix(prefix, out->Add());
}

void SetBackend(const Backend& backend, pb::Backend* out) {
  out->set_address(backend.address.ToBytes());
  out->set_port(backend.port);
  out->set_node(backend.node);
  out->set_pod(backend.pod);
  out->set_terminating(backend.terminating);
}

void SetBody(const NodeConfig& config, pb::Resource* out) {
  const ClusterSettings& settings = config.settings;
  pb::NodeConfig* body = out->mutable_node_config();
  body->set_node(config.node);
  AddPrefixes(config.pod_cidrs, body->mutable_pod_cidrs());
  body->set_routing(settings.routing == Routing::kVxlan ? pb::NodeConfig::VXLAN : pb::NodeConfig::DIRECT);
  body->set_vxlan_vni(settings.vxlan_vni);
  body->set_vxlan_port(settings.vxlan_port);
  AddPrefixes(settings.native_cidrs, body->mutable_native_cidrs());
  body->set_masquerade(settings.masquerade);
  body->set_node_port_first(settings.node_port_first);
  body->set_node_port_last(settings.node_port_last);
  body->set_socket_balancing(settings.socket_balancing);
  AddPrefixes(settings.service_cidrs, body->mutable_service_cidrs());
}

void SetBody(const NodeInfo& node, pb::Resource* out) {
  pb::Node* body = out->mutable_node();
  body->set_name(node.name);
  for (const IpAddress& address : node.addresses) body->add_addresses(address.ToBytes());
  AddPrefixes(node.pod_cidrs, body->mutable_pod_cidrs());
}

void SetBody(const Endpoint& endpoint, pb::Resource* out) {
  pb::Endpoint* body = out->mutable_endpoint();
  body->set_uid(endpoint.uid);
  body->set_namespace_(endpoint.namespace_name);
  body->set_name(endpoint.name);
  body->set_ingress_set(endpoint.ingress_set);
  body->set_egress_set(endpoint.egress_set);
  if (!endpoint.owner.empty()) body->add_owner_path(endpoint.owner);
}

void SetBody(const policy::AddressGroup& group, pb::Resource* out) {
  pb::AddressGroup* body = out->mutable_address_group();
  AddPrefixes(group.members, body->mutable_members());
  AddPrefixes(group.exceptions, body->mutable_exceptions());
  body->set_description(group.description);
}

void SetRule(const policy::Rule& rule, pb::PolicyRule* out) {
  out->set_action(rule.action == policy::Action::kAllow ? pb::PolicyRule::ALLOW : pb::PolicyRule::DENY);
  for (const std::string& peer : rule.peers) out->add_peers(peer);
  out->set_any_peer(rule.any_peer);
  for (const policy::PortRange& range : rule.ports) {
    pb::PortRange* port = out->add_ports();
    port->set_protocol(static_cast<uint32_t>(range.protocol));
    port->set_first(range.first);
    port->set_last(range.last);
  }
  out->set_any_port(rule.any_port);
  pb::RuleOrigin* origin = out->mutable_origin();
  origin->set_kind(rule.origin.kind);
  origin->set_namespace_(rule.origin.namespace_name);
  origin->set_name(rule.origin.name);
  origin->set_place(rule.origin.place);
  for (const std::string& policy : rule.origin.isolating) origin->add_isolating(policy);
}

void SetBody(const policy::PolicySet& set, pb::Resource* out) {
  pb::PolicySet* body = out->mutable_policy_set();
  body->set_direction(set.direction == policy::Direction::kIngress ? pb::PolicySet::INGRESS
                                                                   : pb::PolicySet::EGRESS);
  for (const policy::Rule& rule : set.rules) SetRule(rule, body->add_rules());
}

void SetBody(const Service& service, pb::Resource* out) {
  pb::Service* body = out->mutable_service();
  body->set_namespace_(service.namespace_name);
  body->set_name(service.name);
  body->set_uid(service.uid);
  for (const ServicePort& from : service.ports) {
    pb::ServicePort* port = body->add_ports();
    port->set_name(from.name);
    port->set_protocol(static_cast<uint32_t>(from.protocol));
    port->set_port(from.port);
    port->set_node_port(from.node_port);
    for (const Backend& backend : from.backends) SetBackend(backend, port->add_backends());
  }
  for (const IpAddress& address : service.cluster_ips) body->add_cluster_ips(address.ToBytes());
  body->set_affinity_seconds(service.affinity_seconds);
  body->set_external_local(service.external_local);
  body->set_internal_local(service.internal_local);
}

void SetDelta(const AddressGroupDelta& delta, pb::Resource* out) {
  pb::AddressGroupDelta* body = out->mutable_address_group_delta();
  body->set_base_version(delta.base_version);
  AddPrefixes(delta.added, body->mutable_added());
  AddPrefixes(delta.removed, body->mutable_removed());
}

void SetDelta(const ServiceDelta& delta, pb::Resource* out) {
  pb::ServiceDelta* body = out->mutable_service_delta();
  body->set_base_version(delta.base_version);
  for (const ServiceDelta::Port& from : delta.ports) {
    pb::ServiceDelta::PortDelta* port = body->add_ports();
    port->set_port_index(from.index);
    for (const Backend& backend : from.added) SetBackend(backend, port->add_added());
    for (const Backend& backend : from.removed) SetBackend(backend, port->add_removed());
  }
}

void SetNames(const Resource& from, pb::Resource* out) {
  out->set_name(from.id.name);
  out->set_version(from.version);
}

// The bytes of a SyncResponse that has this upsert alone.
const std::string& WireOf(const Resource& resource) {
  if (resource.wire.empty()) {
    pb::SyncResponse one;
    SetNames(resource, one.add_upserts());
    std::visit([&](const auto& body) { SetBody(body, one.mutable_upserts(0)); }, resource.body);
    resource.wire = one.SerializeAsString();
  }
  return resource.wire;
}

pb::ResourceKind EncodeKind(ResourceKind kind) {
  return static_cast<pb::ResourceKind>(kind);
}

}  // namespace

std::string Serialize(const Push& push) {
  pb::SyncResponse response;
  response.set_nonce(push.nonce);
  response.set_watermark(push.watermark);
  response.set_complete(push.complete);
  for (const ResourceId& id : push.removals) {
    pb::ResourceName* removal = response.add_removals();
    removal->set_kind(EncodeKind(id.kind));
    removal->set_name(id.name);
  }
  std::string bytes = response.SerializeAsString();
  size_t whole = 0;
  for (const Upsert& upsert : push.upserts) {
    if (upsert.delta == nullptr) whole += WireOf(*upsert.resource).size();
  }
  bytes.reserve(bytes.size() + whole);
  // A message's bytes are those of its fields one after the other.
  for (const Upsert& upsert : push.upserts) {
    if (upsert.delta == nullptr) {
      bytes += WireOf(*upsert.resource);
      continue;
    }
    pb::SyncResponse one;
    SetNames(*upsert.resource, one.add_upserts());
    std::visit([&](const auto& delta) { SetDelta(delta, one.mutable_upserts(0)); }, *upsert.delta);
    one.AppendToString(&bytes);
  }
  return bytes;
}

pb::ResourceError Encode(const ResourceError& error) {
  pb::ResourceError result;
  result.set_kind(EncodeKind(error.id.kind));
  result.set_name(error.id.name);
  result.set_message(error.message);
  return result;
}

pb::AgentHealth Encode(const AgentHealth& health) {
  pb::AgentHealth result;
  result.set_ready(health.ready);
  result.set_kernel(health.kernel);
  for (const AgentCondition& condition : health.conditions) {
    pb::AgentCondition* out = result.add_conditions();
    out->set_type(condition.type);
    out->set_ok(condition.ok);
    out->set_message(condition.message);
    out->set_since_ns(condition.since_ns);
  }
  for (const AddressPool& pool : health.pools) {
    pb::AddressPool* out = result.add_pools();
    SetPrefix(pool.cidr, out->mutable_cidr());
    out->set_used(pool.used);
    out->set_free(pool.free);
    out->set_cooling(pool.cooling);
  }
  return result;
}

peers::v1::ProgressReply Encode(const ClusterProgress& progress) {
  peers::v1::ProgressReply reply;
  reply.set_reached(true);
  for (const auto& [node, agent] : progress) {
    peers::v1::AgentProgress* out = reply.add_agents();
    out->set_node(node);
    out->set_version(agent.version);
    const bool all = agent.outstanding.size() <= kMaxOutstanding;
    out->set_told(agent.told && all);
    for (const ResourceId& id : agent.outstanding) {
      if (!all) break;
      pb::ResourceName* name = out->add_outstanding();
      name->set_kind(EncodeKind(id.kind));
      name->set_name(id.name);
    }
    for (const ResourceError& error : agent.refused) *out->add_refused() = Encode(error);
    if (agent.health) *out->mutable_health() = Encode(*agent.health);
  }
  return reply;
}

peers::v1::NodeEndpoints Encode(const std::string& node, const std::vector<ReportedEndpoint>& endpoints) {
  peers::v1::NodeEndpoints result;
  result.set_node(node);
  for (const ReportedEndpoint& endpoint : endpoints) {
    pb::EndpointAddresses* out = result.add_endpoints();
    out->set_pod_uid(endpoint.pod_uid);
    out->set_namespace_(endpoint.namespace_name);
    out->set_name(endpoint.name);
    out->set_sandbox(endpoint.sandbox);
    for (const IpAddress& address : endpoint.addresses) out->add_addresses(address.ToBytes());
    out->set_generation(endpoint.generation);
  }
  return result;
}

}  // namespace fairlead::controller
