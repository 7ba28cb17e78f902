// Which NetworkPolicies a set of rules comes from.
#pragma once

#include <string>
#include <vector>

#include "policy/compiled.h"

namespace fairlead::policy {

// "namespace/name", sorted, each once: of every rule, and of every policy that isolates.
std::vector<std::string> PoliciesOf(const PolicySet& set);

}  // namespace fairlead::policy
