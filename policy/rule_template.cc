#include "policy/rule_template.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "policy/content_hash.h"
#include "policy/sort_unique.h"

namespace fairlead::policy {
namespace {

// A rule of the API taken apart: its peers, its ports by number, its ports by name.
struct ParsedRule {
  std::vector<GroupSpec> peers;
  bool any_peer = false;
  std::vector<PortRange> ports;
  bool any_port = false;
  std::vector<PortKey> named_ports;
};

ParsedRule Parse(const PolicyRule& rule, const std::string& policy_namespace) {
  ParsedRule parsed;
  parsed.any_peer = rule.peers.empty();
  parsed.any_port = rule.ports.empty();
  for (const Peer& peer : rule.peers) parsed.peers.push_back(SpecOf(peer, policy_namespace));
  for (const PolicyPort& port : rule.ports) {
    if (!port.port) {
      parsed.ports.push_back({port.protocol, 0, 65535});
    } else if (const auto* numbers = std::get_if<PortNumbers>(&*port.port)) {
      parsed.ports.push_back({port.protocol, numbers->first, numbers->last});
    } else {
      parsed.named_ports.push_back({std::get<PortName>(*port.port).name, port.protocol});
    }
  }
  SortUnique(parsed.peers);
  SortUnique(parsed.ports);
  SortUnique(parsed.named_ports);
  return parsed;
}

class TemplateBuilder {
 public:
  TemplateBuilder(const NetworkPolicy& policy, const PortNumbersOf& numbers_of)
      : policy_(policy), numbers_of_(numbers_of) {}

  PolicyTemplates Build() && {
    const std::string key = absl::StrCat(policy_.namespace_name, "/", policy_.name);
    built_.ingress.policy = key;
    built_.egress.policy = key;
    if (policy_.isolates_ingress) {
      for (size_t i = 0; i < policy_.ingress.size(); ++i) {
        AddIngress(Parse(policy_.ingress[i], policy_.namespace_name), absl::StrCat("spec.ingress[", i, "]"));
      }
    }
    if (policy_.isolates_egress) {
      for (size_t i = 0; i < policy_.egress.size(); ++i) {
        AddEgress(Parse(policy_.egress[i], policy_.namespace_name), absl::StrCat("spec.egress[", i, "]"));
      }
    }
    return std::move(built_);
  }

 private:
  void AddIngress(const ParsedRule& parsed, const std::string& place) {
    RuleTemplate made = Plain(parsed, place);
    made.named_ports = parsed.named_ports;
    built_.ingress.rules.push_back(std::move(made));
  }

  void AddEgress(const ParsedRule& parsed, const std::string& place) {
    if (parsed.any_port || !parsed.ports.empty()) built_.egress.rules.push_back(Plain(parsed, place));
    for (const PortKey& port : parsed.named_ports) AddEgressNamed(parsed, port, place);
  }

  void AddEgressNamed(const ParsedRule& parsed, const PortKey& port, const std::string& place) {
    std::map<uint16_t, std::vector<std::string>> peers_by_number;
    const auto narrow = [&](GroupSpec spec) {
      for (const uint16_t number : numbers_of_(spec, port)) {
        spec.port = NamedPort{port.first, port.second, number};
        peers_by_number[number].push_back(Mention(spec));
      }
    };
    for (const GroupSpec& peer : parsed.peers) narrow(peer);
    if (parsed.any_peer) narrow(AnyPod());
    for (auto& [number, peers] : peers_by_number) {
      RuleTemplate made;
      made.rule.action = Action::kAllow;
      SortUnique(peers);
      made.rule.peers = std::move(peers);
      made.rule.ports = {{port.second, number, number}};
      made.rule.origin = Origin(absl::StrCat(place, ", port ", port.first, " = ", number));
      built_.egress.rules.push_back(std::move(made));
    }
  }

  RuleTemplate Plain(const ParsedRule& parsed, const std::string& place) {
    RuleTemplate made;
    made.rule.action = Action::kAllow;
    made.rule.any_peer = parsed.any_peer;
    for (const GroupSpec& peer : parsed.peers) made.rule.peers.push_back(Mention(peer));
    SortUnique(made.rule.peers);
    made.rule.any_port = parsed.any_port;
    made.rule.ports = parsed.ports;
    made.rule.origin = Origin(place);
    return made;
  }

  RuleOrigin Origin(const std::string& place) const {
    return {.kind = "NetworkPolicy",
            .namespace_name = policy_.namespace_name,
            .name = policy_.name,
            .place = place,
            .isolating = {}};
  }

  std::string Mention(const GroupSpec& spec) {
    std::string name = NameOf(spec);
    built_.groups.emplace(name, spec);
    return name;
  }

  const NetworkPolicy& policy_;
  const PortNumbersOf& numbers_of_;
  PolicyTemplates built_;
};

Rule DenyRest(const std::vector<const PolicyTemplate*>& policies, std::string place) {
  Rule rule;
  rule.action = Action::kDeny;
  rule.any_peer = true;
  rule.any_port = true;
  rule.origin.kind = "NetworkPolicy";
  rule.origin.place = std::move(place);
  for (const PolicyTemplate* policy : policies) rule.origin.isolating.push_back(policy->policy);
  return rule;
}

}  // namespace

PolicyTemplates TemplatesOf(const NetworkPolicy& policy, const PortNumbersOf& numbers_of) {
  return TemplateBuilder(policy, numbers_of).Build();
}

PortMap PortMapOf(const std::vector<const PolicyTemplate*>& policies,
                  const std::vector<NamedPort>& pod_ports) {
  PortMap map;
  for (const PolicyTemplate* policy : policies) {
    for (const RuleTemplate& rule : policy->rules) {
      for (const PortKey& key : rule.named_ports) {
        std::vector<uint16_t>& numbers = map[key];
        if (!numbers.empty()) continue;
        for (const NamedPort& port : pod_ports) {
          if (port.name == key.first && port.protocol == key.second) numbers.push_back(port.number);
        }
        SortUnique(numbers);
      }
    }
  }
  return map;
}

BuiltSet BuildSet(Direction direction, const std::vector<const PolicyTemplate*>& policies,
                  const PortMap& port_map) {
  BuiltSet built;
  built.set.direction = direction;
  for (const PolicyTemplate* policy : policies) {
    for (const RuleTemplate& rule_template : policy->rules) {
      Rule rule = rule_template.rule;
      for (const PortKey& key : rule_template.named_ports) {
        const auto numbers = port_map.find(key);
        if (numbers == port_map.end()) continue;
        for (const uint16_t number : numbers->second) rule.ports.push_back({key.second, number, number});
      }
      SortUnique(rule.ports);
      // None of its named ports exists on this pod: the rule matches nothing.
      if (!rule.any_port && rule.ports.empty()) continue;
      built.set.rules.push_back(std::move(rule));
    }
  }
  built.rules_wanted = built.set.rules.size() + 1;
  std::string place = "default deny";
  if (built.oversized()) {
    place = absl::StrCat("default deny; ", built.rules_wanted, " rules, at most ", kMaxRulesPerSet, " fit");
    built.set.rules.resize(kMaxRulesPerSet);
  }
  built.set.rules.push_back(DenyRest(policies, std::move(place)));
  return built;
}

std::string NameOf(const PolicySet& set) {
  ContentHash hash;
  hash.Add("PolicySet 1").Add(static_cast<uint64_t>(set.direction)).Add(uint64_t{set.rules.size()});
  for (const Rule& rule : set.rules) {
    hash.Add(static_cast<uint64_t>(rule.action));
    hash.Add(uint64_t{rule.any_peer}).Add(uint64_t{rule.peers.size()});
    for (const std::string& peer : rule.peers) hash.Add(peer);
    hash.Add(uint64_t{rule.any_port}).Add(uint64_t{rule.ports.size()});
    for (const PortRange& port : rule.ports) {
      hash.Add(static_cast<uint64_t>(port.protocol)).Add(uint64_t{port.first}).Add(uint64_t{port.last});
    }
    hash.Add(rule.origin.kind).Add(rule.origin.namespace_name).Add(rule.origin.name).Add(rule.origin.place);
    hash.Add(uint64_t{rule.origin.isolating.size()});
    for (const std::string& policy : rule.origin.isolating) hash.Add(policy);
  }
  return absl::StrCat("set-", hash.Hex());
}

}  // namespace fairlead::policy
