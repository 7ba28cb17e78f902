// Introspect.Policies: which policies select pods of this node, whether they are in force, and the
// rules in their order.
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/describe.h"
#include "base/first_few.h"
#include "policy/policies_of.h"

namespace fairlead::agent {
namespace {

std::string PortText(const policy::PortRange& range) {
  const char* protocol = range.protocol == policy::Protocol::kTcp   ? "TCP"
                         : range.protocol == policy::Protocol::kUdp ? "UDP"
                                                                    : "SCTP";
  if (range.first == range.last) return absl::StrCat(protocol, " ", range.first);
  if (range.first == 0 && range.last == 65535) return protocol;
  return absl::StrCat(protocol, " ", range.first, "-", range.last);
}

std::string PeerText(const policy::Rule& rule, const datapath::DesiredState& desired) {
  if (rule.any_peer) return "any";
  std::vector<std::string> peers;
  for (const std::string& name : rule.peers) {
    auto group = desired.groups.find(name);
    const bool described = group != desired.groups.end() && !group->second.description.empty();
    peers.push_back(described ? group->second.description : name);
  }
  return peers.empty() ? "none" : absl::StrJoin(peers, " or ");
}

std::string OriginText(const policy::RuleOrigin& origin) {
  const std::string policies = origin.name.empty() ? FirstFew(origin.isolating)
                                                   : absl::StrCat(origin.namespace_name, "/", origin.name);
  return absl::StrCat(origin.kind, " ", policies, " ", origin.place);
}

void DescribeSet(const std::string& name, const policy::PolicySet& set, const datapath::DesiredState& desired,
                 introspect::v1::PolicySetState* to) {
  to->set_name(name);
  to->set_direction(set.direction == policy::Direction::kIngress ? "ingress" : "egress");
  uint32_t index = 0;
  for (const policy::Rule& rule : set.rules) {
    introspect::v1::PolicyRuleState* out = to->add_rules();
    out->set_index(index++);
    out->set_action(rule.action == policy::Action::kAllow ? "allow" : "deny");
    out->set_peers(PeerText(rule, desired));
    std::vector<std::string> ports;
    ports.reserve(rule.ports.size());
    for (const policy::PortRange& range : rule.ports) ports.push_back(PortText(range));
    out->set_ports(rule.any_port ? "any" : absl::StrJoin(ports, ", "));
    out->set_origin(OriginText(rule.origin));
  }
}

}  // namespace

introspect::v1::PoliciesReply DescribePolicies(const NodeAgent& agent) {
  const datapath::DesiredState& desired = agent.state().desired();
  std::map<std::string, std::set<std::string>> pods_of_set;
  for (const auto& [key, endpoint] : desired.endpoints) {
    for (const std::string& set : {endpoint.ingress_set, endpoint.egress_set}) {
      pods_of_set[set].insert(absl::StrCat(endpoint.namespace_name, "/", endpoint.pod_name));
    }
  }
  std::map<std::string, datapath::SetState> in_kernel;
  for (const datapath::SetState& set : agent.datapath().Sets()) in_kernel[set.name] = set;

  struct Policy {
    std::set<std::string> pods;
    std::string message;
  };
  std::map<std::string, Policy> policies;
  introspect::v1::PoliciesReply reply;
  for (const auto& [name, set] : desired.sets) {
    introspect::v1::PolicySetState* to = reply.add_sets();
    DescribeSet(name, set, desired, to);
    auto kernel = in_kernel.find(name);
    if (kernel != in_kernel.end()) {
      to->set_generation(kernel->second.generation);
      to->set_epoch(kernel->second.epoch);
      to->set_endpoints(kernel->second.endpoints);
    }
    const std::set<std::string>& pods = pods_of_set[name];
    for (const std::string& policy : PoliciesOf(set)) {
      Policy& state = policies[policy];
      state.pods.insert(pods.begin(), pods.end());
      if (!pods.empty() && kernel == in_kernel.end()) {
        state.message = absl::StrCat("set ", name, " is not in the kernel yet");
      }
    }
  }
  for (const auto& [id, error] : agent.refused()) {
    for (const std::string& policy : error.policies) {
      policies[policy].message = absl::StrCat("its newest version was refused: ", error.message);
    }
  }
  for (const auto& [name, state] : policies) {
    introspect::v1::PolicyState* to = reply.add_policies();
    const size_t slash = name.find('/');
    to->set_namespace_(name.substr(0, slash));
    to->set_name(slash == std::string::npos ? name : name.substr(slash + 1));
    for (const std::string& pod : state.pods) to->add_endpoints(pod);
    to->set_realised(state.message.empty());
    to->set_message(state.message);
  }
  return reply;
}

}  // namespace fairlead::agent
