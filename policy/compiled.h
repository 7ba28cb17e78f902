// What the compiler makes of a cluster's policies: ordered rules that mention address groups.
// These are the values that travel to the nodes (PolicySet and AddressGroup of api/control.proto)
// and from which a node computes its bit vectors (classifier.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/ip.h"
#include "policy/model.h"

namespace fairlead::policy {

// Rules of a set at most; a rule is one bit of a row.
inline constexpr int kMaxRulesPerSet = 16384;

enum class Action : uint8_t { kAllow = 1, kDeny = 2 };

struct PortRange {
  Protocol protocol = Protocol::kTcp;
  uint16_t first = 0;
  uint16_t last = 65535;

  auto operator<=>(const PortRange&) const = default;
};

// The object and the place in it that a rule comes from.
struct RuleOrigin {
  std::string kind;  // "NetworkPolicy"
  std::string namespace_name;
  std::string name;
  std::string place;                   // "spec.ingress[2]", "default deny"
  std::vector<std::string> isolating;  // default deny: every policy "namespace/name" that isolates

  auto operator<=>(const RuleOrigin&) const = default;
};

struct Rule {
  Action action = Action::kAllow;
  bool any_peer = false;
  std::vector<std::string> peers;  // names of address groups; any may hold the peer
  bool any_port = false;
  std::vector<PortRange> ports;  // any may match
  RuleOrigin origin;

  auto operator<=>(const Rule&) const = default;
};

// Rules of one direction. The first that matches decides; the last matches everything and denies.
struct PolicySet {
  Direction direction = Direction::kIngress;
  std::vector<Rule> rules;

  auto operator<=>(const PolicySet&) const = default;
};

// An address is in the group when a member contains it and no exception does.
struct AddressGroup {
  std::vector<IpPrefix> members;     // sorted, without duplicates
  std::vector<IpPrefix> exceptions;  // sorted, without duplicates
  std::string description;           // for people

  bool Contains(const IpAddress& address) const;
  auto operator<=>(const AddressGroup&) const = default;
};

// The sets of one pod; an empty name: not isolated in that direction, everything passes.
struct PodPolicy {
  std::string ingress_set;
  std::string egress_set;

  auto operator<=>(const PodPolicy&) const = default;
};

// Names are hashes of what a set's rules or a group's selector say (not of a group's members, so
// that a pod that comes or goes changes a group but no set).
struct CompiledPolicy {
  std::map<std::string, PolicySet> sets;       // that some pod points to
  std::map<std::string, AddressGroup> groups;  // that some policy's rules mention
  std::map<std::string, PodPolicy> pods;       // by UID; every pod with a network of its own
  // Sets whose rules do not fit, with the number of rules that they would have. Such a set has one rule
  // more than kMaxRulesPerSet, the last of which names the policies: nodes refuse it.
  std::map<std::string, size_t> oversized;

  bool operator==(const CompiledPolicy&) const = default;
};

}  // namespace fairlead::policy
