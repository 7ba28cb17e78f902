#include "tests/policy/cluster_builder.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace fairlead::policy::testing {
namespace {

std::pair<std::string, std::string> Split(const std::string& key) {
  return absl::StrSplit(key, '/');
}

PolicyPort Numbered(Protocol protocol, uint16_t first, uint16_t last) {
  return {.protocol = protocol, .port = PortNumbers{first, last == 0 ? first : last}};
}

}  // namespace

Peer Pods(Labels labels) {
  return PodPeer{.pod_selector = LabelSelector{.match_labels = std::move(labels)}};
}

Peer Namespaces(Labels labels) {
  return PodPeer{.namespace_selector = LabelSelector{.match_labels = std::move(labels)}};
}

Peer PodsIn(Labels namespace_labels, Labels labels) {
  return PodPeer{.pod_selector = LabelSelector{.match_labels = std::move(labels)},
                 .namespace_selector = LabelSelector{.match_labels = std::move(namespace_labels)}};
}

Peer Select(std::vector<LabelRequirement> pod_expressions) {
  return PodPeer{.pod_selector = LabelSelector{.match_expressions = std::move(pod_expressions)}};
}

Peer Block(const char* cidr, const std::vector<const char*>& except) {
  IpBlock block{.cidr = *IpPrefix::Parse(cidr), .except = {}};
  for (const char* prefix : except) block.except.push_back(*IpPrefix::Parse(prefix));
  return block;
}

PolicyPort Tcp(uint16_t first, uint16_t last) {
  return Numbered(Protocol::kTcp, first, last);
}
PolicyPort Udp(uint16_t first, uint16_t last) {
  return Numbered(Protocol::kUdp, first, last);
}
PolicyPort Named(std::string name, Protocol protocol) {
  return {.protocol = protocol, .port = PortName{std::move(name)}};
}
PolicyPort Every(Protocol protocol) {
  return {.protocol = protocol, .port = std::nullopt};
}

PolicyBuilder& PolicyBuilder::Ingress() {
  policy_.isolates_ingress = true;
  return *this;
}

PolicyBuilder& PolicyBuilder::Ingress(std::vector<Peer> from, std::vector<PolicyPort> ports) {
  policy_.ingress.push_back({std::move(from), std::move(ports)});
  return Ingress();
}

PolicyBuilder& PolicyBuilder::Egress() {
  policy_.isolates_egress = true;
  return *this;
}

PolicyBuilder& PolicyBuilder::Egress(std::vector<Peer> to, std::vector<PolicyPort> ports) {
  policy_.egress.push_back({std::move(to), std::move(ports)});
  return Egress();
}

ClusterBuilder& ClusterBuilder::Namespace(const std::string& name, Labels labels) {
  cluster_.namespaces[name] = {.name = name, .labels = std::move(labels)};
  return *this;
}

ClusterBuilder& ClusterBuilder::Pod(const std::string& key, int host, Labels labels,
                                    std::vector<NamedPort> ports) {
  const auto [at, name] = Split(key);
  policy::Pod& pod = cluster_.pods[key];
  pod = {.uid = key, .namespace_name = at, .name = name, .node = "node-1", .labels = std::move(labels)};
  pod.addresses = {*IpAddress::Parse(absl::StrCat("10.244.0.", host)),
                   *IpAddress::Parse(absl::StrCat("fd00:10:244::", absl::Hex(host)))};
  pod.named_ports = std::move(ports);
  last_pod_ = key;
  return *this;
}

PolicyBuilder ClusterBuilder::Policy(const std::string& key, Labels pods) {
  return PolicyFor(key, {.match_labels = std::move(pods)});
}

PolicyBuilder ClusterBuilder::PolicyFor(const std::string& key, LabelSelector pods) {
  const auto [at, name] = Split(key);
  NetworkPolicy& policy = cluster_.policies[key];
  policy.namespace_name = at;
  policy.name = name;
  policy.pod_selector = std::move(pods);
  return PolicyBuilder(policy);
}

}  // namespace fairlead::policy::testing
