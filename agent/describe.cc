#include "agent/describe.h"

#include <algorithm>
#include <array>
#include <set>

#include "absl/strings/str_cat.h"
#include "agent/encode.h"
#include "agent/remedy.h"
#include "agent/why.h"
#include "base/first_few.h"
#include "base/status_macros.h"
#include "policy/policies_of.h"

namespace fairlead::agent {
namespace {

void AddPool(const PoolUsage& pool, introspect::v1::AddressPool* to) {
  to->set_cidr(pool.cidr.ToString());
  to->set_used(pool.used);
  to->set_free(pool.free);
  to->set_cooling(pool.cooling);
}

observer::v1::Verdict EncodeVerdict(FlowFilter::Verdict verdict) {
  switch (verdict) {
    case FlowFilter::Verdict::kForwarded:
      return observer::v1::FORWARDED;
    case FlowFilter::Verdict::kDropped:
      return observer::v1::DROPPED;
    case FlowFilter::Verdict::kRejected:
      return observer::v1::REJECTED;
    case FlowFilter::Verdict::kAny:
      break;
  }
  return observer::v1::VERDICT_UNSPECIFIED;
}

// A connection as if it were an event, so that one filter serves both.
datapath::FlowEvent AsEvent(const datapath::Connection& connection, const AddressNames& names) {
  datapath::FlowEvent event;
  event.protocol = connection.protocol;
  event.source = connection.client;
  event.source_port = connection.client_port;
  event.destination = connection.translated ? connection.translated_server : connection.server;
  event.destination_port = connection.translated ? connection.translated_server_port : connection.server_port;
  if (connection.translated) {
    event.service_address = connection.server;
    event.service_port = connection.server_port;
  }
  if (const AddressName* name = names.Find(event.source); name != nullptr) event.source_pod = name->name;
  if (const AddressName* name = names.Find(event.destination); name != nullptr) {
    event.destination_pod = name->name;
  }
  return event;
}

introspect::v1::ConntrackEntry EncodeConnection(const datapath::Connection& from, const AddressNames& names) {
  introspect::v1::ConntrackEntry to;
  to.set_protocol(from.protocol);
  to.set_source(from.client.ToBytes());
  to.set_source_port(from.client_port);
  to.set_destination(from.server.ToBytes());
  to.set_destination_port(from.server_port);
  if (from.translated) {
    to.set_translated_source(from.translated_client.ToBytes());
    to.set_translated_source_port(from.translated_client_port);
    to.set_translated_destination(from.translated_server.ToBytes());
    to.set_translated_destination_port(from.translated_server_port);
  }
  to.set_state(from.state);
  to.set_expires_in_s(from.expires_in_ms / 1000);
  to.set_packets(from.packets);
  to.set_bytes(from.bytes);
  if (const AddressName* name = names.Find(from.client); name != nullptr) to.set_source_name(name->name);
  const IpAddress& server = from.translated ? from.translated_server : from.server;
  if (const AddressName* name = names.Find(server); name != nullptr) to.set_destination_name(name->name);
  to.set_service(from.service);
  return to;
}

}  // namespace

introspect::v1::StatusReply DescribeStatus(const NodeAgent& agent, const std::string& version) {
  introspect::v1::StatusReply reply;
  reply.set_role("agent");
  reply.set_node(agent.node());
  reply.set_version(version);
  reply.set_ready(agent.Serving().ok());
  for (const Condition& condition : agent.conditions().all()) {
    introspect::v1::Condition* to = reply.add_conditions();
    to->set_type(condition.type);
    to->set_ok(condition.ok);
    to->set_message(condition.message);
    to->set_since_ns(condition.since_ns);
  }
  for (const auto& map : agent.datapath().Maps()) {
    introspect::v1::MapUsage* to = reply.add_maps();
    to->set_name(map.name);
    to->set_entries(map.entries);
    to->set_capacity(map.capacity);
    to->set_bytes(map.bytes);
  }
  for (const auto& program : agent.datapath().Programs()) {
    introspect::v1::ProgramStatus* to = reply.add_programs();
    to->set_name(program.program);
    to->set_attached_to(program.hook);
    to->set_program_id(program.program_id);
    to->set_ours(program.ours);
  }
  for (const auto& [id, error] : agent.refused()) {
    introspect::v1::RejectedObject* to = reply.add_rejected();
    to->set_object(NameOf(error));
    to->set_message(error.message);
  }
  for (const auto& feature : agent.datapath().Features()) {
    introspect::v1::Feature* to = reply.add_features();
    to->set_name(feature.name);
    to->set_available(feature.available);
    to->set_used_for(feature.used_for);
  }
  for (const auto& drop : agent.datapath().Drops()) {
    introspect::v1::Counter* to = reply.add_drops();
    to->set_name(drop.name);
    to->set_packets(drop.packets);
    to->set_bytes(drop.bytes);
  }
  for (const PoolUsage& pool : agent.Pools()) {
    AddPool(pool, pool.cidr.address().is_v4() ? reply.mutable_ipv4_pool() : reply.mutable_ipv6_pool());
  }
  reply.set_repaired(agent.repaired());
  reply.set_watermark(agent.watermark());
  return reply;
}

introspect::v1::EndpointsReply DescribeEndpoints(const NodeAgent& agent) {
  const datapath::DesiredState& desired = agent.state().desired();
  auto add_policies = [&](const std::string& set, auto add) {
    auto found = desired.sets.find(set);
    if (found == desired.sets.end()) return;
    for (const std::string& policy : PoliciesOf(found->second)) add(policy);
  };
  introspect::v1::EndpointsReply reply;
  for (const auto& [key, endpoint] : desired.endpoints) {
    introspect::v1::EndpointState* to = reply.add_endpoints();
    to->set_namespace_(endpoint.namespace_name);
    to->set_name(endpoint.pod_name);
    to->set_pod_uid(endpoint.pod_uid);
    const size_t slash = key.find('/');
    to->set_sandbox(key.substr(0, slash));
    to->set_interface(slash == std::string::npos ? "" : key.substr(slash + 1));
    to->set_host_interface(endpoint.host_interface);
    for (const IpAddress& address : endpoint.addresses) to->add_addresses(address.ToBytes());
    to->set_mac(std::string(endpoint.mac.begin(), endpoint.mac.end()));
    to->set_state(endpoint.policy_known ? "ready" : "waiting for policy");
    to->set_ingress_set(endpoint.ingress_set);
    to->set_egress_set(endpoint.egress_set);
    to->set_generation(endpoint.generation);
    add_policies(endpoint.ingress_set, [to](const std::string& policy) { to->add_ingress_policies(policy); });
    add_policies(endpoint.egress_set, [to](const std::string& policy) { to->add_egress_policies(policy); });
  }
  return reply;
}

introspect::v1::ServicesReply DescribeServices(const NodeAgent& agent) {
  introspect::v1::ServicesReply reply;
  const datapath::DesiredState& desired = agent.state().desired();
  auto add = [&](const datapath::Service& service, const datapath::ServicePort& port, const char* type,
                 const IpAddress& address, uint16_t number, bool local_only) {
    introspect::v1::ServiceState* to = reply.add_services();
    to->set_namespace_(service.namespace_name);
    to->set_name(service.name);
    to->set_type(type);
    to->set_address(address.ToBytes());
    to->set_port(number);
    to->set_protocol(port.protocol);
    to->set_affinity_seconds(service.affinity_seconds);
    // What a connection from this node may get; those that are about to end only if there is nothing else.
    std::array<std::vector<const datapath::ServiceBackend*>, 2> by_state;
    for (const datapath::ServiceBackend& backend : port.backends) {
      const bool serves = !local_only || backend.node == desired.settings.node;
      if (serves && backend.address.is_v4() == address.is_v4())
        by_state[backend.terminating].push_back(&backend);
    }
    for (const datapath::ServiceBackend* chosen : by_state[by_state[0].empty() ? 1 : 0]) {
      const datapath::ServiceBackend& backend = *chosen;
      introspect::v1::BackendState* out = to->add_backends();
      out->set_address(backend.address.ToBytes());
      out->set_port(backend.port);
      out->set_pod(backend.pod);
      out->set_node(backend.node);
    }
  };
  for (const auto& [key, service] : desired.services) {
    for (const datapath::ServicePort& port : service.ports) {
      for (const IpAddress& address : service.cluster_ips)
        add(service, port, "ClusterIP", address, port.port, service.internal_local);
      if (port.node_port == 0) continue;
      // A node port is open in the families that the Service has.
      for (const IpAddress& address : desired.settings.node_addresses) {
        const bool has_family =
            std::any_of(service.cluster_ips.begin(), service.cluster_ips.end(),
                        [&](const IpAddress& ip) { return ip.is_v4() == address.is_v4(); });
        if (has_family) add(service, port, "NodePort", address, port.node_port, service.external_local);
      }
    }
  }
  return reply;
}

std::optional<introspect::v1::ConntrackEntry> DescribeConnection(const datapath::Connection& connection,
                                                                 const AddressNames& names,
                                                                 const FlowFilter& filter) {
  if (!filter.Matches(AsEvent(connection, names))) return std::nullopt;
  return EncodeConnection(connection, names);
}

absl::StatusOr<introspect::v1::WhyReply> DescribeWhy(const NodeAgent& agent,
                                                     const introspect::v1::WhyRequest& request) {
  const AddressNames names(agent.state(), agent.node());
  ASSIGN_OR_RETURN(const datapath::ExplainRequest packet,
                   ResolveWhy({request.source(), request.destination(), request.port(), request.protocol(),
                               request.source_port(), request.ipv6(), request.source_address(),
                               request.destination_address()},
                              names));
  ASSIGN_OR_RETURN(const datapath::Explanation explanation, agent.datapath().Explain(packet));
  introspect::v1::WhyReply reply;
  reply.set_verdict(explanation.allowed
                        ? observer::v1::FORWARDED
                        : EncodeVerdict(VerdictOf({.dropped = true, .reason = explanation.reason})));
  reply.set_reason(explanation.reason);
  for (const datapath::ExplainStage& stage : explanation.stages) {
    introspect::v1::WhyStage* to = reply.add_stages();
    to->set_name(stage.name);
    to->set_passed(stage.passed);
    to->set_detail(stage.detail);
    to->set_entry(stage.entry);
  }
  if (explanation.origin) EncodeOrigin(*explanation.origin, reply.mutable_origin());
  const bool named = !request.source().empty() && !request.destination().empty();
  reply.set_remedy(RemedyFor(explanation, named ? request.source() : names.Text(explanation.source),
                             names.Text(explanation.destination), packet.protocol));
  reply.set_source(explanation.source.ToBytes());
  reply.set_destination(explanation.destination.ToBytes());
  reply.set_destination_port(explanation.destination_port);
  reply.set_next_node(explanation.next_node);
  return reply;
}

introspect::v1::NamesReply DescribeNames(const NodeAgent& agent,
                                         const introspect::v1::NamesRequest& request) {
  const std::set<std::string> wanted(request.addresses().begin(), request.addresses().end());
  introspect::v1::NamesReply reply;
  const AddressNames names(agent.state(), agent.node());
  for (const auto& [address, name] : names.all()) {
    if (!wanted.empty() && !wanted.contains(address.ToBytes())) continue;
    introspect::v1::NamedAddress* to = reply.add_names();
    to->set_address(address.ToBytes());
    to->set_kind(name.kind);
    to->set_name(name.name);
    to->set_node(name.node);
  }
  return reply;
}

absl::StatusOr<FlowFilter> ReadFilter(const observer::v1::FlowFilter& from) {
  FlowFilter to;
  to.pod = from.pod();
  if (!from.address().empty()) {
    absl::StatusOr<IpAddress> address = IpAddress::FromBytes(from.address());
    if (!address.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("filter.address: has ", from.address().size(), " bytes, must have 4 or 16"));
    }
    to.address = *address;
  }
  if (from.port() > 65535) return absl::InvalidArgumentError("filter.port: is above 65535");
  if (from.protocol() > 255) return absl::InvalidArgumentError("filter.protocol: is above 255");
  to.port = static_cast<uint16_t>(from.port());
  to.protocol = static_cast<uint8_t>(from.protocol());
  switch (from.verdict()) {
    case observer::v1::VERDICT_UNSPECIFIED:
      return to;
    case observer::v1::FORWARDED:
      to.verdict = FlowFilter::Verdict::kForwarded;
      return to;
    case observer::v1::DROPPED:
      to.verdict = FlowFilter::Verdict::kDropped;
      return to;
    case observer::v1::REJECTED:
      to.verdict = FlowFilter::Verdict::kRejected;
      return to;
    default:
      return absl::InvalidArgumentError("filter.verdict: is not known");
  }
}

observer::v1::Flow DescribeFlow(const FlowCursor::Found& found, const std::string& node) {
  const datapath::FlowEvent& from = found.entry->event;
  observer::v1::Flow to;
  to.set_time_ns(found.entry->wall_ns);
  to.set_node(node);
  to.set_verdict(EncodeVerdict(VerdictOf(from)));
  to.set_reason(from.reason);
  to.set_stage(from.stage);
  to.set_source(from.source.ToBytes());
  to.set_destination(from.destination.ToBytes());
  to.set_source_port(from.source_port);
  to.set_destination_port(from.destination_port);
  to.set_protocol(from.protocol);
  if (from.service_address) {
    to.set_service_address(from.service_address->ToBytes());
    to.set_service_port(from.service_port);
  }
  to.set_source_pod(from.source_pod);
  to.set_destination_pod(from.destination_pod);
  to.set_service(from.service);
  if (from.rule) {
    to.set_policy(from.rule->name.empty() ? FirstFew(from.rule->isolating)
                                          : absl::StrCat(from.rule->namespace_name, "/", from.rule->name));
    to.set_policy_place(from.rule->place);
  }
  to.set_lost(found.lost);
  to.set_bytes(from.length);
  return to;
}

}  // namespace fairlead::agent
