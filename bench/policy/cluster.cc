#include "bench/policy/cluster.h"

#include "absl/strings/str_cat.h"

namespace fairlead::policy {
namespace {

constexpr int kPodsPerNamespace = 100;
constexpr int kApplications = 10;
constexpr int kTeams = 20;

std::string NamespaceName(int number) {
  return absl::StrCat("namespace-", number);
}
std::string AppName(int application) {
  return absl::StrCat("application-", application);
}

IpAddress V4(int pod) {
  return IpAddress::FromV4((10u << 24) + (100u << 16) + static_cast<uint32_t>(pod));
}

IpAddress V6(int pod) {
  std::array<uint8_t, 16> bytes{0xfd, 0x00, 0x10, 0x02};
  for (int i = 0; i < 4; ++i) bytes[15 - i] = static_cast<uint8_t>(pod >> (8 * i));
  return IpAddress(bytes);
}

LabelSelector App(int application) {
  return {.match_labels = {{"app", AppName(application % kApplications)}}};
}

PolicyPort Port(uint16_t number) {
  return {.port = PortNumbers{number, number}};
}

// One of ten kinds: what the recipes that people copy come to.
NetworkPolicy PolicyOf(int at, int kind) {
  NetworkPolicy policy{.namespace_name = NamespaceName(at), .name = absl::StrCat("policy-", kind)};
  policy.isolates_ingress = true;
  switch (kind) {
    case 0:  // default deny
      break;
    case 1:  // everything may ask the name servers
      policy.isolates_ingress = false;
      policy.isolates_egress = true;
      policy.egress = {{.peers = {PodPeer{.pod_selector = LabelSelector{.match_labels = {{"k8s-app", "dns"}}},
                                          .namespace_selector = LabelSelector{}}},
                        .ports = {{.protocol = Protocol::kUdp, .port = PortNumbers{53, 53}}}}};
      break;
    case 2:  // monitoring, by a named port
      policy.ingress = {
          {.peers = {PodPeer{.namespace_selector = LabelSelector{.match_labels = {{"team", "team-0"}}}}},
           .ports = {{.port = PortName{"metrics"}}}}};
      break;
    case 3:  // the team's other namespaces
      policy.pod_selector = App(3);
      policy.ingress = {
          {.peers = {PodPeer{
               .pod_selector = App(4),
               .namespace_selector =
                   LabelSelector{.match_labels = {{"team", absl::StrCat("team-", at % kTeams)}}}}},
           .ports = {Port(8080)}}};
      break;
    case 4:  // the outside, but not our own ranges
      policy.pod_selector = App(0);
      policy.isolates_egress = true;
      policy.ingress = {{.peers = {IpBlock{.cidr = *IpPrefix::Parse("0.0.0.0/0"),
                                           .except = {*IpPrefix::Parse("10.0.0.0/8")}}}}};
      policy.egress = {
          {.peers = {IpBlock{.cidr = *IpPrefix::Parse(absl::StrCat("192.168.", at % 256, ".0/24"))}},
           .ports = {Port(443)}}};
      break;
    case 5:  // several values
      policy.pod_selector = {
          .match_expressions = {{"app", LabelRequirement::Operator::kIn, {AppName(5), AppName(6)}}}};
      policy.ingress = {{.peers = {PodPeer{.pod_selector = App(7)}}, .ports = {Port(5432), Port(6432)}}};
      break;
    default:  // one application to the next
      policy.pod_selector = App(kind);
      policy.ingress = {
          {.peers = {PodPeer{.pod_selector = App(kind + 1)}, PodPeer{.pod_selector = App(kind + 2)}},
           .ports = {Port(8080)}}};
  }
  return policy;
}

}  // namespace

Pod PodOf(int number, int application) {
  const int at = number / kPodsPerNamespace;
  Pod pod{.uid = absl::StrCat("5b3f0c9e-7d1a-4c55-9a0e-", absl::Dec(number, absl::kZeroPad12)),
          .namespace_name = NamespaceName(at),
          .name = absl::StrCat("application-", application, "-", number),
          .node = absl::StrCat("node-", number % 1000)};
  pod.labels = {{"app", AppName(application)},
                {"env", "production"},
                {"pod-template-hash", absl::StrCat("5d9c7b8f", application)},
                {"app.kubernetes.io/managed-by", "Helm"}};
  // Pods of a StatefulSet have a label of their own.
  if (application == 9) pod.labels["statefulset.kubernetes.io/pod-name"] = pod.name;
  pod.addresses = {V4(number), V6(number)};
  pod.named_ports = {{"http", Protocol::kTcp, 8080}, {"metrics", Protocol::kTcp, 9090}};
  return pod;
}

Cluster LargeCluster(int pods) {
  Cluster cluster;
  for (int at = 0; at < pods / kPodsPerNamespace; ++at) {
    const std::string name = NamespaceName(at);
    cluster.namespaces[name] = {
        name, {{"kubernetes.io/metadata.name", name}, {"team", absl::StrCat("team-", at % kTeams)}}};
    for (int kind = 0; kind < 10; ++kind) {
      NetworkPolicy policy = PolicyOf(at, kind);
      cluster.policies[absl::StrCat(name, "/", policy.name)] = std::move(policy);
    }
  }
  for (int number = 0; number < pods; ++number) {
    Pod pod = PodOf(number, number % kApplications);
    cluster.pods[pod.uid] = std::move(pod);
  }
  return cluster;
}

}  // namespace fairlead::policy
