// Compile() without any index or memory: asks every selector about every pod. Shares rules, names and
// groups with the real one, so that the two can be compared whole.
#pragma once

#include "policy/compiled.h"
#include "policy/model.h"

namespace fairlead::policy::testing {

CompiledPolicy NaiveCompile(const Cluster& cluster);

}  // namespace fairlead::policy::testing
