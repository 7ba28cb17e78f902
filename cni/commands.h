// The commands of the CNI specification, from checked input to what goes to standard output.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "cni/environment.h"

namespace fairlead::cni {

// Runs environment.command on the configuration `text`. Returns the result object (empty: nothing to
// print); errors carry the specification's codes.
absl::StatusOr<std::string> RunCommand(const Environment& environment, const std::string& text);

}  // namespace fairlead::cni
