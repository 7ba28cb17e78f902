#include "tests/policy/compiled_verdict.h"

#include <algorithm>

namespace fairlead::policy::testing {
namespace {

bool SharesBits(const IpAddress& a, const IpAddress& b, int bits) {
  for (int bit = 0; bit < bits; ++bit) {
    if (((a.bytes()[bit / 8] ^ b.bytes()[bit / 8]) >> (7 - bit % 8) & 1) != 0) return false;
  }
  return true;
}

const IpAddress& FarEnd(const Decision& decision) {
  return decision.direction == Direction::kIngress ? decision.attempt.source : decision.attempt.destination;
}

bool InRange(const PortRange& range, const Attempt& attempt) {
  return range.protocol == attempt.protocol && range.first <= attempt.destination_port &&
         attempt.destination_port <= range.last;
}

}  // namespace

CompiledVerdict::CompiledVerdict(const CompiledPolicy& compiled)
    : compiled_(compiled), classes_(ClassifyAddresses(compiled.groups)) {
  for (const auto& [name, set] : compiled.sets) rows_[&set] = {AnyPortRow(set), PortRows(set)};
}

const PolicySet* CompiledVerdict::SetOf(const Decision& decision) const {
  const PodPolicy& pod = compiled_.pods.at(decision.pod);
  const std::string& name = decision.direction == Direction::kIngress ? pod.ingress_set : pod.egress_set;
  return name.empty() ? nullptr : &compiled_.sets.at(name);
}

AddressClass CompiledVerdict::ClassOf(const IpAddress& address) const {
  AddressClass found;
  int longest = -1;
  for (const auto& [prefix, address_class] : classes_) {
    if (prefix.length128() > longest && SharesBits(prefix.address(), address, prefix.length128())) {
      longest = prefix.length128();
      found = address_class;
    }
  }
  return found;
}

int CompiledVerdict::DecidingRule(const Decision& decision) const {
  const PolicySet* set = SetOf(decision);
  if (set == nullptr) return -1;
  const Rows& rows = rows_.at(set);
  const Row* port_row = &rows.any_port;
  int longest = -1;
  for (const auto& [block, row] : rows.ports) {
    const bool covers =
        block.length == 0 || (block.first ^ decision.attempt.destination_port) >> (16 - block.length) == 0;
    if (block.protocol == decision.attempt.protocol && covers && block.length > longest) {
      longest = block.length;
      port_row = &row;
    }
  }
  return FirstMatch(PeerRow(*set, ClassOf(FarEnd(decision))), *port_row);
}

bool CompiledVerdict::ByRows(const Decision& decision) const {
  const PolicySet* set = SetOf(decision);
  return set == nullptr || set->rules.at(DecidingRule(decision)).action == Action::kAllow;
}

bool CompiledVerdict::ByRules(const Decision& decision) const {
  const PolicySet* set = SetOf(decision);
  if (set == nullptr) return true;
  for (const Rule& rule : set->rules) {
    const bool peer =
        rule.any_peer || std::any_of(rule.peers.begin(), rule.peers.end(), [&](const std::string& name) {
          return compiled_.groups.at(name).Contains(FarEnd(decision));
        });
    const bool port = rule.any_port ||
                      std::any_of(rule.ports.begin(), rule.ports.end(),
                                  [&](const PortRange& range) { return InRange(range, decision.attempt); });
    if (peer && port) return rule.action == Action::kAllow;
  }
  return false;
}

}  // namespace fairlead::policy::testing
