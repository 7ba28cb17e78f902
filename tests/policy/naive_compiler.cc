#include "tests/policy/naive_compiler.h"

#include <algorithm>
#include <set>

#include "policy/group_spec.h"
#include "policy/rule_template.h"
#include "policy/selector.h"

namespace fairlead::policy::testing {
namespace {

const Namespace* FindNamespace(const Cluster& cluster, const std::string& name) {
  const auto found = cluster.namespaces.find(name);
  return found == cluster.namespaces.end() ? nullptr : &found->second;
}

AddressGroup BuildGroup(const Cluster& cluster, const GroupSpec& spec) {
  AddressGroup group;
  group.description = Describe(spec);
  if (spec.is_static()) {
    group.members = {spec.block->cidr};
    group.exceptions = spec.block->except;
    return group;
  }
  for (const auto& [uid, pod] : cluster.pods) {
    if (!Selects(spec, pod, FindNamespace(cluster, pod.namespace_name))) continue;
    for (const IpAddress& address : pod.addresses) {
      if (Covers(spec, address)) group.members.push_back(IpPrefix::Host(address));
    }
  }
  std::sort(group.members.begin(), group.members.end());
  group.members.erase(std::unique(group.members.begin(), group.members.end()), group.members.end());
  return group;
}

std::vector<uint16_t> NumbersOf(const Cluster& cluster, const GroupSpec& spec, const PortKey& key) {
  std::set<uint16_t> numbers;
  for (const auto& [uid, pod] : cluster.pods) {
    if (!Selects(spec, pod, FindNamespace(cluster, pod.namespace_name))) continue;
    for (const NamedPort& port : pod.named_ports) {
      if (port.name == key.first && port.protocol == key.second) numbers.insert(port.number);
    }
  }
  return {numbers.begin(), numbers.end()};
}

}  // namespace

CompiledPolicy NaiveCompile(const Cluster& cluster) {
  CompiledPolicy compiled;
  struct Entry {
    const NetworkPolicy* policy;
    PolicyTemplates templates;
  };
  const PortNumbersOf numbers_of = [&](const GroupSpec& spec, const PortKey& port) {
    return NumbersOf(cluster, spec, port);
  };
  std::map<std::string, std::vector<Entry>> by_namespace;
  for (const auto& [key, policy] : cluster.policies) {
    Entry entry{&policy, TemplatesOf(policy, numbers_of)};
    for (const auto& [name, spec] : entry.templates.groups) {
      if (!compiled.groups.contains(name)) compiled.groups.emplace(name, BuildGroup(cluster, spec));
    }
    by_namespace[policy.namespace_name].push_back(std::move(entry));
  }
  const auto add_set = [&](Direction direction, const std::vector<const PolicyTemplate*>& policies,
                           const Pod& pod) -> std::string {
    if (policies.empty()) return "";
    const PortMap port_map =
        direction == Direction::kIngress ? PortMapOf(policies, pod.named_ports) : PortMap();
    BuiltSet built = BuildSet(direction, policies, port_map);
    std::string name = NameOf(built.set);
    if (built.oversized()) compiled.oversized[name] = built.rules_wanted;
    compiled.sets.emplace(name, std::move(built.set));
    return name;
  };
  for (const auto& [uid, pod] : cluster.pods) {
    if (pod.host_network) continue;
    std::vector<const PolicyTemplate*> ingress;
    std::vector<const PolicyTemplate*> egress;
    for (const Entry& entry : by_namespace[pod.namespace_name]) {
      if (!Matches(entry.policy->pod_selector, pod.labels)) continue;
      if (entry.policy->isolates_ingress) ingress.push_back(&entry.templates.ingress);
      if (entry.policy->isolates_egress) egress.push_back(&entry.templates.egress);
    }
    compiled.pods[uid] = {add_set(Direction::kIngress, ingress, pod),
                          add_set(Direction::kEgress, egress, pod)};
  }
  return compiled;
}

}  // namespace fairlead::policy::testing
