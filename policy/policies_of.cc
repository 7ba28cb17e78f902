#include "policy/policies_of.h"

#include <set>

#include "absl/strings/str_cat.h"

namespace fairlead::policy {

std::vector<std::string> PoliciesOf(const PolicySet& set) {
  std::set<std::string> policies;
  for (const Rule& rule : set.rules) {
    policies.insert(rule.origin.isolating.begin(), rule.origin.isolating.end());
    if (!rule.origin.name.empty())
      policies.insert(absl::StrCat(rule.origin.namespace_name, "/", rule.origin.name));
  }
  return {policies.begin(), policies.end()};
}

}  // namespace fairlead::policy
