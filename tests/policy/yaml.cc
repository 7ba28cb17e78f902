#include "tests/policy/yaml.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace fairlead::policy::testing {
namespace {

const char* ToString(LabelRequirement::Operator op) {
  switch (op) {
    case LabelRequirement::Operator::kIn:
      return "In";
    case LabelRequirement::Operator::kNotIn:
      return "NotIn";
    case LabelRequirement::Operator::kExists:
      return "Exists";
    case LabelRequirement::Operator::kDoesNotExist:
      return "DoesNotExist";
  }
  return "?";
}

std::string Flow(const Labels& labels) {
  return absl::StrCat("{", absl::StrJoin(labels, ", ", absl::PairFormatter(": ")), "}");
}

std::string Flow(const LabelSelector& selector) {
  std::vector<std::string> parts;
  if (!selector.match_labels.empty())
    parts.push_back(absl::StrCat("matchLabels: ", Flow(selector.match_labels)));
  std::vector<std::string> expressions;
  for (const LabelRequirement& requirement : selector.match_expressions) {
    std::string text = absl::StrCat("{key: ", requirement.key, ", operator: ", ToString(requirement.op));
    if (!requirement.values.empty()) {
      absl::StrAppend(&text, ", values: [", absl::StrJoin(requirement.values, ", "), "]");
    }
    expressions.push_back(text + "}");
  }
  if (!expressions.empty()) {
    parts.push_back(absl::StrCat("matchExpressions: [", absl::StrJoin(expressions, ", "), "]"));
  }
  return absl::StrCat("{", absl::StrJoin(parts, ", "), "}");
}

std::string Flow(const Peer& peer) {
  if (const auto* block = std::get_if<IpBlock>(&peer)) {
    std::vector<std::string> except;
    for (const IpPrefix& prefix : block->except)
      except.push_back(absl::StrCat("\"", prefix.ToString(), "\""));
    return absl::StrCat("{ipBlock: {cidr: \"", block->cidr.ToString(), "\", except: [",
                        absl::StrJoin(except, ", "), "]}}");
  }
  const auto& pods = std::get<PodPeer>(peer);
  std::vector<std::string> parts;
  if (pods.pod_selector) parts.push_back(absl::StrCat("podSelector: ", Flow(*pods.pod_selector)));
  if (pods.namespace_selector) {
    parts.push_back(absl::StrCat("namespaceSelector: ", Flow(*pods.namespace_selector)));
  }
  return absl::StrCat("{", absl::StrJoin(parts, ", "), "}");
}

std::string Flow(const PolicyPort& port) {
  std::string text = absl::StrCat("{protocol: ", policy::ToString(port.protocol));
  if (port.port) {
    if (const auto* name = std::get_if<PortName>(&*port.port)) {
      absl::StrAppend(&text, ", port: ", name->name);
    } else {
      const auto& numbers = std::get<PortNumbers>(*port.port);
      absl::StrAppend(&text, ", port: ", numbers.first);
      if (numbers.last != numbers.first) absl::StrAppend(&text, ", endPort: ", numbers.last);
    }
  }
  return text + "}";
}

template <typename T>
std::string FlowList(const std::vector<T>& values) {
  std::vector<std::string> parts;
  for (const T& value : values) parts.push_back(Flow(value));
  return absl::StrCat("[", absl::StrJoin(parts, ", "), "]");
}

void AppendRules(std::string& out, const char* key, const char* peers_key,
                 const std::vector<PolicyRule>& rules) {
  absl::StrAppend(&out, "  ", key, ":", rules.empty() ? " []" : "", "\n");
  for (const PolicyRule& rule : rules) {
    std::vector<std::string> parts;
    if (!rule.peers.empty()) parts.push_back(absl::StrCat(peers_key, ": ", FlowList(rule.peers)));
    if (!rule.ports.empty()) parts.push_back(absl::StrCat("ports: ", FlowList(rule.ports)));
    absl::StrAppend(&out, "  - {", absl::StrJoin(parts, ", "), "}\n");
  }
}

std::string ToYaml(const Pod& pod) {
  std::string out = absl::StrCat("---\napiVersion: v1\nkind: Pod\nmetadata: {namespace: ", pod.namespace_name,
                                 ", name: ", pod.name, ", uid: ", pod.uid, ", labels: ", Flow(pod.labels),
                                 "}\nspec:\n  nodeName: ", pod.node, "\n");
  if (pod.host_network) absl::StrAppend(&out, "  hostNetwork: true\n");
  std::vector<std::string> ports;
  for (const NamedPort& port : pod.named_ports) {
    ports.push_back(absl::StrCat("{name: ", port.name, ", protocol: ", policy::ToString(port.protocol),
                                 ", containerPort: ", port.number, "}"));
  }
  absl::StrAppend(&out, "  containers:\n  - {name: main, image: probe, ports: [", absl::StrJoin(ports, ", "),
                  "]}\n");
  std::vector<std::string> addresses;
  for (const IpAddress& address : pod.addresses) {
    addresses.push_back(absl::StrCat("{ip: \"", address.ToString(), "\"}"));
  }
  absl::StrAppend(&out, "status: {phase: ", pod.terminated ? "Succeeded" : "Running", ", podIPs: [",
                  absl::StrJoin(addresses, ", "), "]}\n");
  return out;
}

std::string ToYaml(const NetworkPolicy& policy) {
  std::vector<std::string> types;
  if (policy.isolates_ingress) types.push_back("Ingress");
  if (policy.isolates_egress) types.push_back("Egress");
  std::string out = absl::StrCat(
      "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {namespace: ",
      policy.namespace_name, ", name: ", policy.name, "}\nspec:\n  podSelector: ", Flow(policy.pod_selector),
      "\n  policyTypes: [", absl::StrJoin(types, ", "), "]\n");
  AppendRules(out, "ingress", "from", policy.ingress);
  AppendRules(out, "egress", "to", policy.egress);
  return out;
}

}  // namespace

std::string ToYaml(const Cluster& cluster) {
  std::string out;
  for (const auto& [name, at] : cluster.namespaces) {
    absl::StrAppend(&out, "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: ", name,
                    ", labels: ", Flow(at.labels), "}\n");
  }
  for (const auto& [uid, pod] : cluster.pods) absl::StrAppend(&out, ToYaml(pod));
  for (const auto& [key, policy] : cluster.policies) absl::StrAppend(&out, ToYaml(policy));
  return out;
}

std::string ToText(const Cluster& cluster, const Decision& decision) {
  const Pod& pod = cluster.pods.at(decision.pod);
  return absl::StrCat(policy::ToString(decision.direction), " of ", pod.namespace_name, "/", pod.name, ": ",
                      policy::ToString(decision.attempt.protocol), " ", decision.attempt.source.ToString(),
                      " -> ", decision.attempt.destination.ToString(), " port ",
                      decision.attempt.destination_port);
}

}  // namespace fairlead::policy::testing
