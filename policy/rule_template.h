// A policy's rules as far as they are known without knowing which pod they are for; and a pod's set
// made of the templates of its policies.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "policy/compiled.h"
#include "policy/group_spec.h"
#include "policy/model.h"

namespace fairlead::policy {

// A port by name, of one protocol.
using PortKey = std::pair<std::string, Protocol>;

// The numbers that pods which `spec` selects have under a name, ascending, each once.
using PortNumbersOf = std::function<std::vector<uint16_t>(const GroupSpec& spec, const PortKey& port)>;

struct RuleTemplate {
  Rule rule;
  // Ingress only: the selected pod says which numbers these add to rule.ports.
  std::vector<PortKey> named_ports;
};

// One direction of one policy.
struct PolicyTemplate {
  std::string policy;  // "namespace/name"
  std::vector<RuleTemplate> rules;
};

struct PolicyTemplates {
  PolicyTemplate ingress;  // no rules where the policy does not isolate
  PolicyTemplate egress;
  std::map<std::string, GroupSpec> groups;  // that the rules mention, by name
};

// `numbers_of` resolves named ports of egress rules: one rule per number, its peers narrowed to the
// pods that have that number.
PolicyTemplates TemplatesOf(const NetworkPolicy& policy, const PortNumbersOf& numbers_of);

// The named ports that ingress rules of `policies` mention, with the numbers they have on a pod. Pods
// of equal policies and equal port maps have equal sets.
using PortMap = std::map<PortKey, std::vector<uint16_t>>;
PortMap PortMapOf(const std::vector<const PolicyTemplate*>& policies,
                  const std::vector<NamedPort>& pod_ports);

// The rules of `policies`, in the order given, then the rule that denies the rest. When there are too
// many for a set, the first of them and that deny: one more than any node takes.
struct BuiltSet {
  PolicySet set;
  size_t rules_wanted = 0;
  bool oversized() const { return rules_wanted > kMaxRulesPerSet; }
};
BuiltSet BuildSet(Direction direction, const std::vector<const PolicyTemplate*>& policies,
                  const PortMap& port_map);

// "set-" and a hash of the rules.
std::string NameOf(const PolicySet& set);

}  // namespace fairlead::policy
