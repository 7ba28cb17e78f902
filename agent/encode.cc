#include "agent/encode.h"

namespace fairlead::agent {
namespace {

namespace pb = control::v1;

constexpr uint32_t kProtocolVersion = 1;

template <typename Field>
void AddPrefixes(const std::vector<IpPrefix>& prefixes, Field* to) {
  for (const IpPrefix& prefix : prefixes) {
    pb::IpPrefix* out = to->Add();
    out->set_address(prefix.address().ToBytes());
    out->set_length(static_cast<uint32_t>(prefix.length()));
  }
}

void Encode(const Removed&, pb::Resource*) {}
void Encode(const AddressGroupDelta&, pb::Resource*) {}  // never held
void Encode(const ServiceDelta&, pb::Resource*) {}       // never held

void Encode(const datapath::NodeSettings& from, pb::Resource* out) {
  pb::NodeConfig* to = out->mutable_node_config();
  to->set_node(from.node);
  AddPrefixes(from.pod_cidrs, to->mutable_pod_cidrs());
  const bool vxlan = from.routing == datapath::Routing::kVxlan;
  to->set_routing(vxlan ? pb::NodeConfig::VXLAN : pb::NodeConfig::DIRECT);
  to->set_vxlan_vni(from.vxlan_vni);
  to->set_vxlan_port(from.vxlan_port);
  AddPrefixes(from.native_cidrs, to->mutable_native_cidrs());
  to->set_masquerade(from.masquerade);
  to->set_node_port_first(from.node_port_first);
  to->set_node_port_last(from.node_port_last);
  to->set_socket_balancing(from.socket_balancing);
  AddPrefixes(from.service_cidrs, to->mutable_service_cidrs());
}

void Encode(const datapath::RemoteNode& from, pb::Resource* out) {
  pb::Node* to = out->mutable_node();
  to->set_name(from.name);
  for (const IpAddress& address : from.addresses) to->add_addresses(address.ToBytes());
  AddPrefixes(from.pod_cidrs, to->mutable_pod_cidrs());
}

void Encode(const PodPolicy& from, pb::Resource* out) {
  pb::Endpoint* to = out->mutable_endpoint();
  to->set_uid(from.uid);
  to->set_namespace_(from.namespace_name);
  to->set_name(from.name);
  to->set_ingress_set(from.ingress_set);
  to->set_egress_set(from.egress_set);
}

void Encode(const policy::AddressGroup& from, pb::Resource* out) {
  pb::AddressGroup* to = out->mutable_address_group();
  AddPrefixes(from.members, to->mutable_members());
  AddPrefixes(from.exceptions, to->mutable_exceptions());
  to->set_description(from.description);
}

void Encode(const policy::PolicySet& from, pb::Resource* out) {
  pb::PolicySet* to = out->mutable_policy_set();
  to->set_direction(from.direction == policy::Direction::kIngress ? pb::PolicySet::INGRESS
                                                                  : pb::PolicySet::EGRESS);
  for (const policy::Rule& rule : from.rules) {
    pb::PolicyRule* out_rule = to->add_rules();
    out_rule->set_action(rule.action == policy::Action::kAllow ? pb::PolicyRule::ALLOW
                                                               : pb::PolicyRule::DENY);
    for (const std::string& peer : rule.peers) out_rule->add_peers(peer);
    out_rule->set_any_peer(rule.any_peer);
    for (const policy::PortRange& range : rule.ports) {
      pb::PortRange* port = out_rule->add_ports();
      port->set_protocol(static_cast<uint32_t>(range.protocol));
      port->set_first(range.first);
      port->set_last(range.last);
    }
    out_rule->set_any_port(rule.any_port);
    EncodeOrigin(rule.origin, out_rule->mutable_origin());
  }
}

void Encode(const datapath::Service& from, pb::Resource* out) {
  pb::Service* to = out->mutable_service();
  to->set_namespace_(from.namespace_name);
  to->set_name(from.name);
  for (const datapath::ServicePort& port : from.ports) {
    pb::ServicePort* out_port = to->add_ports();
    out_port->set_name(port.name);
    out_port->set_protocol(port.protocol);
    out_port->set_port(port.port);
    out_port->set_node_port(port.node_port);
    for (const datapath::ServiceBackend& backend : port.backends) {
      pb::Backend* out_backend = out_port->add_backends();
      out_backend->set_address(backend.address.ToBytes());
      out_backend->set_port(backend.port);
      out_backend->set_node(backend.node);
      out_backend->set_pod(backend.pod);
      out_backend->set_terminating(backend.terminating);
    }
  }
  for (const IpAddress& address : from.cluster_ips) to->add_cluster_ips(address.ToBytes());
  to->set_affinity_seconds(from.affinity_seconds);
  to->set_external_local(from.external_local);
  to->set_internal_local(from.internal_local);
}

void Encode(const EndpointReport& from, pb::EndpointAddresses* to) {
  to->set_pod_uid(from.pod_uid);
  to->set_namespace_(from.namespace_name);
  to->set_name(from.name);
  to->set_sandbox(from.sandbox);
  for (const IpAddress& address : from.addresses) to->add_addresses(address.ToBytes());
  to->set_generation(from.generation);
}

}  // namespace

void EncodeOrigin(const policy::RuleOrigin& from, pb::RuleOrigin* to) {
  to->set_kind(from.kind);
  to->set_namespace_(from.namespace_name);
  to->set_name(from.name);
  to->set_place(from.place);
  for (const std::string& policy : from.isolating) to->add_isolating(policy);
}

pb::SyncRequest EncodeHello(const std::string& node, const std::string& agent_version, const NodeState& state,
                            uint64_t watermark, const std::vector<EndpointReport>& endpoints) {
  pb::SyncRequest request;
  pb::Hello* hello = request.mutable_hello();
  hello->set_protocol_version(kProtocolVersion);
  hello->set_node(node);
  hello->set_agent_version(agent_version);
  hello->set_watermark(watermark);
  for (const auto& [id, version] : state.versions()) {
    pb::HeldResource* held = hello->add_held();
    held->set_kind(static_cast<pb::ResourceKind>(id.kind));
    held->set_name(id.name);
    held->set_version(version);
  }
  for (const EndpointReport& endpoint : endpoints) Encode(endpoint, hello->add_endpoints());
  return request;
}

pb::SyncRequest EncodeAck(uint64_t nonce) {
  pb::SyncRequest request;
  request.mutable_ack()->set_nonce(nonce);
  return request;
}

pb::SyncRequest EncodeNack(uint64_t nonce, const std::vector<ResourceError>& errors) {
  pb::SyncRequest request;
  request.mutable_nack()->set_nonce(nonce);
  for (const ResourceError& error : errors) {
    if (static_cast<size_t>(request.nack().errors_size()) == kMaxNackErrors) break;
    pb::ResourceError* out = request.mutable_nack()->add_errors();
    out->set_kind(static_cast<pb::ResourceKind>(error.id.kind));
    out->set_name(error.id.name);
    out->set_message(error.message);
  }
  return request;
}

pb::SyncRequest EncodeReport(const std::vector<EndpointReport>& upserts,
                             const std::vector<EndpointReport>& removals) {
  pb::SyncRequest request;
  pb::Report* report = request.mutable_report();
  for (const EndpointReport& endpoint : upserts) Encode(endpoint, report->add_upserts());
  for (const EndpointReport& endpoint : removals) Encode(endpoint, report->add_removals());
  return request;
}

pb::SyncRequest EncodeHealth(const AgentHealth& health) {
  pb::SyncRequest request;
  pb::AgentHealth* to = request.mutable_report()->mutable_health();
  to->set_ready(health.ready);
  to->set_kernel(health.kernel);
  for (const Condition& condition : health.conditions) {
    pb::AgentCondition* out = to->add_conditions();
    out->set_type(condition.type);
    out->set_ok(condition.ok);
    out->set_message(condition.message);
    out->set_since_ns(condition.since_ns);
  }
  for (const PoolUsage& pool : health.pools) {
    pb::AddressPool* out = to->add_pools();
    out->mutable_cidr()->set_address(pool.cidr.address().ToBytes());
    out->mutable_cidr()->set_length(static_cast<uint32_t>(pool.cidr.length()));
    out->set_used(pool.used);
    out->set_free(pool.free);
    out->set_cooling(pool.cooling);
  }
  return request;
}

std::string EncodeState(const NodeState& state, uint64_t watermark) {
  pb::SyncResponse response;
  response.set_watermark(watermark);
  response.set_complete(true);
  for (const auto& [id, version] : state.versions()) {
    pb::Resource* resource = response.add_upserts();
    resource->set_name(id.name);
    resource->set_version(version);
    std::visit([resource](const auto& body) { Encode(body, resource); }, state.Find(id));
  }
  return response.SerializeAsString();
}

}  // namespace fairlead::agent
