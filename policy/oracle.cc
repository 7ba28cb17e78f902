#include "policy/oracle.h"

namespace fairlead::policy {
namespace {

// meta/v1 LabelSelector: "matchLabels and matchExpressions are ANDed. An empty label selector
// matches all objects."
bool SelectorSelects(const LabelSelector& selector, const Labels& labels) {
  for (const auto& [key, value] : selector.match_labels) {
    if (!labels.count(key) || labels.at(key) != value) return false;
  }
  for (const LabelRequirement& requirement : selector.match_expressions) {
    const bool has_key = labels.count(requirement.key) > 0;
    bool has_value = false;
    for (const std::string& value : requirement.values) {
      if (has_key && labels.at(requirement.key) == value) has_value = true;
    }
    // "In, NotIn, Exists and DoesNotExist"; a missing key is not in any set of values.
    bool holds = false;
    if (requirement.op == LabelRequirement::Operator::kIn) holds = has_value;
    if (requirement.op == LabelRequirement::Operator::kNotIn) holds = !has_value;
    if (requirement.op == LabelRequirement::Operator::kExists) holds = has_key;
    if (requirement.op == LabelRequirement::Operator::kDoesNotExist) holds = !has_key;
    if (!holds) return false;
  }
  return true;
}

// Who is at the other end: an address, and the pod that has it. One address may stand for several
// identities while it moves from one pod to the next; any that is permitted will do.
struct OtherEnd {
  IpAddress address;
  const Pod* pod;  // null: seen as an address alone
};

std::vector<OtherEnd> OtherEndsAt(const Cluster& cluster, const IpAddress& address) {
  std::vector<OtherEnd> ends = {{address, nullptr}};
  for (const auto& [uid, pod] : cluster.pods) {
    if (pod.host_network || pod.terminated) continue;
    for (const IpAddress& own : pod.addresses) {
      if (own == address) ends.push_back({address, &pod});
    }
  }
  return ends;
}

// NetworkPolicyPeer: "Describes a peer to allow traffic to/from. Only certain combinations of fields
// are allowed."
bool PeerSelects(const Cluster& cluster, const std::string& policy_namespace, const Peer& peer,
                 const OtherEnd& end) {
  if (std::holds_alternative<IpBlock>(peer)) {
    const IpBlock& block = std::get<IpBlock>(peer);
    if (!block.cidr.Contains(end.address)) return false;
    for (const IpPrefix& except : block.except) {
      if (except.Contains(end.address)) return false;
    }
    return true;
  }
  if (end.pod == nullptr) return false;
  const PodPeer& pods = std::get<PodPeer>(peer);
  if (pods.namespace_selector.has_value()) {
    // "Selects Namespaces using cluster-scoped labels ... if present but empty, selects all namespaces."
    if (!cluster.namespaces.count(end.pod->namespace_name)) return false;
    const Namespace& at = cluster.namespaces.at(end.pod->namespace_name);
    if (!SelectorSelects(*pods.namespace_selector, at.labels)) return false;
  } else {
    // "Otherwise it selects the Pods matching PodSelector in the policy's own Namespace."
    if (end.pod->namespace_name != policy_namespace) return false;
  }
  // "If NamespaceSelector is set without PodSelector, all Pods in the Namespaces selected."
  return !pods.pod_selector.has_value() || SelectorSelects(*pods.pod_selector, end.pod->labels);
}

// NetworkPolicyPort. A name is looked up on the pod that receives the traffic (null: it is no pod).
bool PortSelects(const PolicyPort& port, const Pod* receiver, const Attempt& attempt) {
  if (port.protocol != attempt.protocol) return false;
  if (!port.port.has_value()) return true;  // "matches all port names and numbers"
  if (std::holds_alternative<PortNumbers>(*port.port)) {
    const PortNumbers& numbers = std::get<PortNumbers>(*port.port);
    return attempt.destination_port >= numbers.first && attempt.destination_port <= numbers.last;
  }
  if (receiver == nullptr) return false;
  for (const NamedPort& named : receiver->named_ports) {
    if (named.name == std::get<PortName>(*port.port).name && named.protocol == port.protocol &&
        named.number == attempt.destination_port) {
      return true;
    }
  }
  return false;
}

// "Traffic matches a rule when it matches both ports and from/to"; an empty or missing list of
// either matches everything.
bool RuleAllows(const Cluster& cluster, const NetworkPolicy& policy, const PolicyRule& rule, const Pod& pod,
                Direction direction, const OtherEnd& end, const Attempt& attempt) {
  bool peer_matches = rule.peers.empty();
  for (const Peer& peer : rule.peers) {
    if (PeerSelects(cluster, policy.namespace_name, peer, end)) peer_matches = true;
  }
  const Pod* receiver = direction == Direction::kIngress ? &pod : end.pod;
  bool port_matches = rule.ports.empty();
  for (const PolicyPort& port : rule.ports) {
    if (PortSelects(port, receiver, attempt)) port_matches = true;
  }
  return peer_matches && port_matches;
}

}  // namespace

bool OracleAllows(const Cluster& cluster, const std::string& pod_uid, Direction direction,
                  const Attempt& attempt) {
  const Pod& pod = cluster.pods.at(pod_uid);
  if (pod.host_network) return true;
  const bool ingress = direction == Direction::kIngress;
  const std::vector<OtherEnd> ends = OtherEndsAt(cluster, ingress ? attempt.source : attempt.destination);
  bool isolated = false;
  for (const auto& [key, policy] : cluster.policies) {
    if (policy.namespace_name != pod.namespace_name) continue;
    if (!SelectorSelects(policy.pod_selector, pod.labels)) continue;
    if (ingress ? !policy.isolates_ingress : !policy.isolates_egress) continue;
    isolated = true;
    for (const PolicyRule& rule : ingress ? policy.ingress : policy.egress) {
      for (const OtherEnd& end : ends) {
        if (RuleAllows(cluster, policy, rule, pod, direction, end, attempt)) return true;
      }
    }
  }
  return !isolated;
}

}  // namespace fairlead::policy
