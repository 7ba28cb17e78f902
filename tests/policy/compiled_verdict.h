// What compiled policy answers, in two ways: by the bit vectors that the eBPF programs use, and rule
// by rule. They differ only when the classifier is wrong.
#pragma once

#include <map>
#include <string>

#include "policy/classifier.h"
#include "policy/compiled.h"
#include "tests/policy/generator.h"

namespace fairlead::policy::testing {

class CompiledVerdict {
 public:
  // `compiled` must outlive this object.
  explicit CompiledVerdict(const CompiledPolicy& compiled);

  bool ByRows(const Decision& decision) const;
  bool ByRules(const Decision& decision) const;

  // Index of the rule of the pod's set that decides; -1: the pod is not isolated.
  int DecidingRule(const Decision& decision) const;
  // The class of `address`: that of the longest prefix in the 128-bit space, as in the eBPF map.
  AddressClass ClassOf(const IpAddress& address) const;

 private:
  struct Rows {
    Row any_port;
    std::map<PortPrefix, Row> ports;
  };

  const PolicySet* SetOf(const Decision& decision) const;

  const CompiledPolicy& compiled_;
  std::map<IpPrefix, AddressClass> classes_;
  std::map<const PolicySet*, Rows> rows_;
};

}  // namespace fairlead::policy::testing
