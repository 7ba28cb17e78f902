// One process a folder: two agents would fight over sockets and records.
#pragma once

#include <chrono>
#include <string>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace fairlead::agent {

// On a disk that has become read-only the file of an earlier start serves: what runs has to go on there.
// Held until the descriptor goes. ALREADY_EXISTS when another process still holds it after `patience`.
absl::StatusOr<UniqueFd> LockFolder(const std::string& folder,
                                    std::chrono::milliseconds patience = std::chrono::milliseconds(0));

}  // namespace fairlead::agent
