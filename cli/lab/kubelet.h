// The background process of a lab: keeps controller and agents running, runs the pods of every node as
// the controller says, and keeps the names that pods resolve.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace fairlead::lab {

// Returns on SIGTERM or SIGINT; what it has started runs on.
absl::Status RunKubelet(const std::string& lab);

}  // namespace fairlead::lab
