#include "agent/decode.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace fairlead::agent {
namespace {

namespace pb = control::v1;
using google::protobuf::RepeatedPtrField;

constexpr size_t kMaxNameBytes = 512;
constexpr size_t kMaxTextBytes = 64 << 10;
constexpr int kMaxAddresses = 16;
constexpr int kMaxPodCidrs = 8;
constexpr int kMaxPrefixes = 1 << 20;
constexpr int kMaxServicePorts = 1024;
constexpr int kMaxBackends = 1 << 16;
constexpr uint32_t kMaxVni = (1 << 24) - 1;
constexpr uint32_t kMaxPort = 65535;

// Both ends of the stream cast between the two.
constexpr bool Same(ResourceKind ours, pb::ResourceKind theirs) {
  return static_cast<int>(ours) == static_cast<int>(theirs);
}
static_assert(Same(ResourceKind::kNone, pb::RESOURCE_KIND_UNSPECIFIED));
static_assert(Same(ResourceKind::kNodeConfig, pb::NODE_CONFIG));
static_assert(Same(ResourceKind::kNode, pb::NODE));
static_assert(Same(ResourceKind::kEndpoint, pb::ENDPOINT));
static_assert(Same(ResourceKind::kAddressGroup, pb::ADDRESS_GROUP));
static_assert(Same(ResourceKind::kPolicySet, pb::POLICY_SET));
static_assert(Same(ResourceKind::kService, pb::SERVICE));
static_assert(pb::ResourceKind_MAX == pb::SERVICE);

absl::Status Bad(const std::string& field, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", what));
}

absl::Status CheckText(const std::string& text, const std::string& field, size_t max = kMaxNameBytes) {
  if (text.size() <= max) return absl::OkStatus();
  return Bad(field, absl::StrCat(text.size(), " bytes, at most ", max, " are taken"));
}

absl::StatusOr<std::string> ReadName(const std::string& text, const std::string& field) {
  if (text.empty()) return Bad(field, "is empty");
  RETURN_IF_ERROR(CheckText(text, field));
  return text;
}

absl::StatusOr<uint16_t> ReadPort(uint32_t port, const std::string& field, uint32_t min = 1) {
  if (port < min || port > kMaxPort) {
    return Bad(field, absl::StrCat(port, " is not between ", min, " and 65535"));
  }
  return static_cast<uint16_t>(port);
}

absl::StatusOr<uint8_t> ReadProtocol(uint32_t protocol, const std::string& field) {
  if (protocol == 6 || protocol == 17 || protocol == 132) return static_cast<uint8_t>(protocol);
  return Bad(field, absl::StrCat(protocol, " is neither 6 (TCP), 17 (UDP) nor 132 (SCTP)"));
}

absl::StatusOr<IpAddress> ReadAddress(const std::string& bytes, const std::string& field) {
  if (bytes.size() != 4 && bytes.size() != 16) {
    return Bad(field, absl::StrCat("has ", bytes.size(), " bytes, must have 4 or 16"));
  }
  return IpAddress::FromBytes(bytes);
}

absl::StatusOr<std::vector<IpAddress>> ReadAddresses(const RepeatedPtrField<std::string>& from,
                                                     const std::string& field) {
  if (from.size() > kMaxAddresses) return Bad(field, absl::StrCat(from.size(), " of them, too many"));
  std::vector<IpAddress> addresses;
  for (int i = 0; i < from.size(); ++i) {
    ASSIGN_OR_RETURN(addresses.emplace_back(), ReadAddress(from[i], absl::StrCat(field, "[", i, "]")));
  }
  return addresses;
}

absl::StatusOr<IpPrefix> ReadPrefix(const pb::IpPrefix& from, const std::string& field) {
  ASSIGN_OR_RETURN(IpAddress address, ReadAddress(from.address(), field + ".address"));
  const uint32_t bits = address.is_v4() ? 32 : 128;
  if (from.length() > bits) {
    return Bad(field + ".length", absl::StrCat(from.length(), " is more than ", bits));
  }
  return IpPrefix::Of(address, static_cast<int>(from.length()));
}

absl::StatusOr<std::vector<IpPrefix>> ReadPrefixes(const RepeatedPtrField<pb::IpPrefix>& from,
                                                   const std::string& field, int max = kMaxPrefixes) {
  if (from.size() > max) {
    return Bad(field, absl::StrCat(from.size(), " ranges, at most ", max, " are taken"));
  }
  std::vector<IpPrefix> prefixes;
  prefixes.reserve(from.size());
  for (int i = 0; i < from.size(); ++i) {
    ASSIGN_OR_RETURN(prefixes.emplace_back(), ReadPrefix(from[i], absl::StrCat(field, "[", i, "]")));
  }
  return prefixes;
}

// Sorted and without duplicates.
absl::StatusOr<std::vector<IpPrefix>> ReadPrefixSet(const RepeatedPtrField<pb::IpPrefix>& from,
                                                    const std::string& field) {
  ASSIGN_OR_RETURN(std::vector<IpPrefix> prefixes, ReadPrefixes(from, field));
  std::sort(prefixes.begin(), prefixes.end());
  prefixes.erase(std::unique(prefixes.begin(), prefixes.end()), prefixes.end());
  return prefixes;
}

absl::StatusOr<Body> ReadNodeConfig(const pb::NodeConfig& from) {
  datapath::NodeSettings to;
  ASSIGN_OR_RETURN(to.node, ReadName(from.node(), "node"));
  ASSIGN_OR_RETURN(to.pod_cidrs, ReadPrefixes(from.pod_cidrs(), "pod_cidrs", 2));
  if (to.pod_cidrs.size() == 2 && to.pod_cidrs[0].address().is_v4() == to.pod_cidrs[1].address().is_v4()) {
    return Bad("pod_cidrs", "two ranges of one family");
  }
  if (from.routing() != pb::NodeConfig::DIRECT && from.routing() != pb::NodeConfig::VXLAN) {
    return Bad("routing", "neither DIRECT nor VXLAN; is the controller of another version?");
  }
  if (from.routing() == pb::NodeConfig::VXLAN) {
    to.routing = datapath::Routing::kVxlan;
    if (from.vxlan_vni() == 0 || from.vxlan_vni() > kMaxVni) {
      return Bad("vxlan_vni", absl::StrCat(from.vxlan_vni(), " is not between 1 and ", kMaxVni));
    }
    to.vxlan_vni = from.vxlan_vni();
    ASSIGN_OR_RETURN(to.vxlan_port, ReadPort(from.vxlan_port(), "vxlan_port"));
  }
  ASSIGN_OR_RETURN(to.native_cidrs, ReadPrefixes(from.native_cidrs(), "native_cidrs"));
  to.masquerade = from.masquerade();
  ASSIGN_OR_RETURN(to.node_port_first, ReadPort(from.node_port_first(), "node_port_first", 0));
  ASSIGN_OR_RETURN(to.node_port_last, ReadPort(from.node_port_last(), "node_port_last", 0));
  if (to.node_port_first > to.node_port_last) return Bad("node_port_first", "is above node_port_last");
  to.socket_balancing = from.socket_balancing();
  ASSIGN_OR_RETURN(to.service_cidrs, ReadPrefixes(from.service_cidrs(), "service_cidrs"));
  return to;
}

absl::StatusOr<Body> ReadNode(const pb::Node& from) {
  datapath::RemoteNode to;
  ASSIGN_OR_RETURN(to.name, ReadName(from.name(), "name"));
  ASSIGN_OR_RETURN(to.addresses, ReadAddresses(from.addresses(), "addresses"));
  ASSIGN_OR_RETURN(to.pod_cidrs, ReadPrefixes(from.pod_cidrs(), "pod_cidrs", kMaxPodCidrs));
  return to;
}

absl::StatusOr<Body> ReadEndpoint(const pb::Endpoint& from) {
  PodPolicy to;
  ASSIGN_OR_RETURN(to.uid, ReadName(from.uid(), "uid"));
  ASSIGN_OR_RETURN(to.namespace_name, ReadName(from.namespace_(), "namespace"));
  ASSIGN_OR_RETURN(to.name, ReadName(from.name(), "name"));
  RETURN_IF_ERROR(CheckText(from.ingress_set(), "ingress_set"));
  RETURN_IF_ERROR(CheckText(from.egress_set(), "egress_set"));
  to.ingress_set = from.ingress_set();
  to.egress_set = from.egress_set();
  return to;
}

absl::StatusOr<Body> ReadGroup(const pb::AddressGroup& from) {
  policy::AddressGroup to;
  ASSIGN_OR_RETURN(to.members, ReadPrefixSet(from.members(), "members"));
  ASSIGN_OR_RETURN(to.exceptions, ReadPrefixSet(from.exceptions(), "exceptions"));
  RETURN_IF_ERROR(CheckText(from.description(), "description", kMaxTextBytes));
  to.description = from.description();
  return to;
}

absl::StatusOr<policy::RuleOrigin> ReadOrigin(const pb::RuleOrigin& from, const std::string& field) {
  for (const std::string* text : {&from.kind(), &from.namespace_(), &from.name(), &from.place()}) {
    RETURN_IF_ERROR(CheckText(*text, field));
  }
  policy::RuleOrigin to{from.kind(), from.namespace_(), from.name(), from.place(), {}};
  for (const std::string& policy : from.isolating()) {
    RETURN_IF_ERROR(CheckText(policy, field + ".isolating"));
    to.isolating.push_back(policy);
  }
  return to;
}

absl::StatusOr<policy::PortRange> ReadPortRange(const pb::PortRange& from, const std::string& field) {
  policy::PortRange to;
  ASSIGN_OR_RETURN(uint8_t protocol, ReadProtocol(from.protocol(), field + ".protocol"));
  to.protocol = static_cast<policy::Protocol>(protocol);
  ASSIGN_OR_RETURN(to.first, ReadPort(from.first(), field + ".first", 0));
  ASSIGN_OR_RETURN(to.last, ReadPort(from.last(), field + ".last", 0));
  if (to.first > to.last) return Bad(field, "first is above last");
  return to;
}

absl::StatusOr<policy::Rule> ReadRule(const pb::PolicyRule& from, const std::string& field) {
  policy::Rule to;
  if (from.action() != pb::PolicyRule::ALLOW && from.action() != pb::PolicyRule::DENY) {
    return Bad(field + ".action", "neither ALLOW nor DENY; is the controller of another version?");
  }
  to.action = from.action() == pb::PolicyRule::ALLOW ? policy::Action::kAllow : policy::Action::kDeny;
  to.any_peer = from.any_peer();
  for (const std::string& peer : from.peers()) {
    ASSIGN_OR_RETURN(to.peers.emplace_back(), ReadName(peer, field + ".peers"));
  }
  to.any_port = from.any_port();
  for (int i = 0; i < from.ports_size(); ++i) {
    ASSIGN_OR_RETURN(to.ports.emplace_back(),
                     ReadPortRange(from.ports(i), absl::StrCat(field, ".ports[", i, "]")));
  }
  ASSIGN_OR_RETURN(to.origin, ReadOrigin(from.origin(), field + ".origin"));
  return to;
}

absl::StatusOr<Body> ReadSet(const pb::PolicySet& from) {
  policy::PolicySet to;
  if (from.direction() != pb::PolicySet::INGRESS && from.direction() != pb::PolicySet::EGRESS) {
    return Bad("direction", "neither INGRESS nor EGRESS; is the controller of another version?");
  }
  to.direction =
      from.direction() == pb::PolicySet::INGRESS ? policy::Direction::kIngress : policy::Direction::kEgress;
  if (from.rules_size() == 0) return Bad("rules", "a set without rules decides nothing");
  if (from.rules_size() > policy::kMaxRulesPerSet) {
    return Bad("rules", absl::StrCat(from.rules_size(), " of them, at most ", policy::kMaxRulesPerSet,
                                     " fit a set: pods keep the set that they have, new ones stay closed; "
                                     "have fewer rules in the policies that select the pod"));
  }
  for (int i = 0; i < from.rules_size(); ++i) {
    ASSIGN_OR_RETURN(to.rules.emplace_back(), ReadRule(from.rules(i), absl::StrCat("rules[", i, "]")));
  }
  return to;
}

absl::StatusOr<std::vector<datapath::ServiceBackend>> ReadBackends(const RepeatedPtrField<pb::Backend>& from,
                                                                   const std::string& field) {
  if (from.size() > kMaxBackends) {
    return Bad(field, absl::StrCat(from.size(), " of them, at most ", kMaxBackends, " are taken"));
  }
  std::vector<datapath::ServiceBackend> backends;
  backends.reserve(from.size());
  for (int i = 0; i < from.size(); ++i) {
    const std::string at = absl::StrCat(field, "[", i, "]");
    datapath::ServiceBackend& to = backends.emplace_back();
    ASSIGN_OR_RETURN(to.address, ReadAddress(from[i].address(), at + ".address"));
    ASSIGN_OR_RETURN(to.port, ReadPort(from[i].port(), at + ".port"));
    RETURN_IF_ERROR(CheckText(from[i].pod(), at + ".pod"));
    RETURN_IF_ERROR(CheckText(from[i].node(), at + ".node"));
    to.pod = from[i].pod();
    to.node = from[i].node();
    to.terminating = from[i].terminating();
  }
  return backends;
}

absl::StatusOr<datapath::ServicePort> ReadServicePort(const pb::ServicePort& from, const std::string& field) {
  datapath::ServicePort to;
  RETURN_IF_ERROR(CheckText(from.name(), field + ".name"));
  to.name = from.name();
  ASSIGN_OR_RETURN(to.protocol, ReadProtocol(from.protocol(), field + ".protocol"));
  ASSIGN_OR_RETURN(to.port, ReadPort(from.port(), field + ".port"));
  ASSIGN_OR_RETURN(to.node_port, ReadPort(from.node_port(), field + ".node_port", 0));
  ASSIGN_OR_RETURN(to.backends, ReadBackends(from.backends(), field + ".backends"));
  return to;
}

absl::StatusOr<Body> ReadService(const pb::Service& from) {
  datapath::Service to;
  ASSIGN_OR_RETURN(to.namespace_name, ReadName(from.namespace_(), "namespace"));
  ASSIGN_OR_RETURN(to.name, ReadName(from.name(), "name"));
  ASSIGN_OR_RETURN(to.cluster_ips, ReadAddresses(from.cluster_ips(), "cluster_ips"));
  if (from.ports_size() > kMaxServicePorts) {
    return Bad("ports", absl::StrCat(from.ports_size(), " of them, at most ", kMaxServicePorts));
  }
  for (int i = 0; i < from.ports_size(); ++i) {
    ASSIGN_OR_RETURN(to.ports.emplace_back(), ReadServicePort(from.ports(i), absl::StrCat("ports[", i, "]")));
  }
  to.affinity_seconds = from.affinity_seconds();
  to.external_local = from.external_local();
  to.internal_local = from.internal_local();
  return to;
}

absl::StatusOr<Body> ReadGroupDelta(const pb::AddressGroupDelta& from) {
  AddressGroupDelta to;
  ASSIGN_OR_RETURN(to.base_version, ReadName(from.base_version(), "base_version"));
  ASSIGN_OR_RETURN(to.added, ReadPrefixSet(from.added(), "added"));
  ASSIGN_OR_RETURN(to.removed, ReadPrefixSet(from.removed(), "removed"));
  return to;
}

absl::StatusOr<Body> ReadServiceDelta(const pb::ServiceDelta& from) {
  ServiceDelta to;
  ASSIGN_OR_RETURN(to.base_version, ReadName(from.base_version(), "base_version"));
  for (int i = 0; i < from.ports_size(); ++i) {
    const std::string at = absl::StrCat("ports[", i, "]");
    ServiceDelta::Port& port = to.ports.emplace_back();
    port.index = from.ports(i).port_index();
    ASSIGN_OR_RETURN(port.added, ReadBackends(from.ports(i).added(), at + ".added"));
    ASSIGN_OR_RETURN(port.removed, ReadBackends(from.ports(i).removed(), at + ".removed"));
  }
  return to;
}

// Of a set that cannot be taken: its last rule names them.
std::vector<std::string> PoliciesOf(const pb::Resource& resource) {
  const auto& rules = resource.policy_set().rules();
  if (rules.empty()) return {};
  const auto& policies = rules[rules.size() - 1].origin().isolating();
  return {policies.begin(), policies.end()};
}

ResourceKind KindOf(const pb::Resource& resource) {
  switch (resource.body_case()) {
    case pb::Resource::kNodeConfig:
      return ResourceKind::kNodeConfig;
    case pb::Resource::kNode:
      return ResourceKind::kNode;
    case pb::Resource::kEndpoint:
      return ResourceKind::kEndpoint;
    case pb::Resource::kAddressGroup:
    case pb::Resource::kAddressGroupDelta:
      return ResourceKind::kAddressGroup;
    case pb::Resource::kPolicySet:
      return ResourceKind::kPolicySet;
    case pb::Resource::kService:
    case pb::Resource::kServiceDelta:
      return ResourceKind::kService;
    case pb::Resource::BODY_NOT_SET:
      break;
  }
  return ResourceKind::kNone;
}

absl::StatusOr<Body> ReadBody(const pb::Resource& resource) {
  switch (resource.body_case()) {
    case pb::Resource::kNodeConfig:
      return ReadNodeConfig(resource.node_config());
    case pb::Resource::kNode:
      return ReadNode(resource.node());
    case pb::Resource::kEndpoint:
      return ReadEndpoint(resource.endpoint());
    case pb::Resource::kAddressGroup:
      return ReadGroup(resource.address_group());
    case pb::Resource::kPolicySet:
      return ReadSet(resource.policy_set());
    case pb::Resource::kService:
      return ReadService(resource.service());
    case pb::Resource::kAddressGroupDelta:
      return ReadGroupDelta(resource.address_group_delta());
    case pb::Resource::kServiceDelta:
      return ReadServiceDelta(resource.service_delta());
    case pb::Resource::BODY_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("a kind of resource that this agent does not know; update the agent");
}

// The name that the body itself says; empty: it says none.
std::string NameWithin(const Body& body) {
  if (const auto* settings = std::get_if<datapath::NodeSettings>(&body)) return settings->node;
  if (const auto* node = std::get_if<datapath::RemoteNode>(&body)) return node->name;
  if (const auto* pod = std::get_if<PodPolicy>(&body)) return pod->uid;
  if (const auto* service = std::get_if<datapath::Service>(&body)) {
    return absl::StrCat(service->namespace_name, "/", service->name);
  }
  return "";
}

absl::StatusOr<Change> ReadResource(const pb::Resource& resource) {
  Change change;
  change.id.kind = KindOf(resource);
  ASSIGN_OR_RETURN(change.id.name, ReadName(resource.name(), "name"));
  ASSIGN_OR_RETURN(change.version, ReadName(resource.version(), "version"));
  ASSIGN_OR_RETURN(change.body, ReadBody(resource));
  const std::string within = NameWithin(change.body);
  if (!within.empty() && within != change.id.name) {
    return Bad("name", absl::StrCat("the resource is called ", change.id.name, ", its content ", within));
  }
  return change;
}

}  // namespace

Push Decode(const pb::SyncResponse& response) {
  Push push;
  push.nonce = response.nonce();
  push.watermark = response.watermark();
  push.complete = response.complete();
  for (const pb::Resource& resource : response.upserts()) {
    absl::StatusOr<Change> change = ReadResource(resource);
    if (change.ok()) {
      push.changes.push_back(*std::move(change));
      continue;
    }
    push.errors.push_back({{KindOf(resource), resource.name().substr(0, kMaxNameBytes)},
                           std::string(change.status().message()),
                           PoliciesOf(resource)});
  }
  for (const pb::ResourceName& removal : response.removals()) {
    if (removal.kind() < pb::NODE_CONFIG || removal.kind() > pb::SERVICE ||
        removal.name().size() > kMaxNameBytes) {
      push.errors.push_back({{},
                             absl::StrCat("removals: kind ", static_cast<int>(removal.kind()),
                                          " is not known, or the name is too long")});
      continue;
    }
    push.changes.push_back({{static_cast<ResourceKind>(removal.kind()), removal.name()}, "", Removed{}});
  }
  return push;
}

}  // namespace fairlead::agent
