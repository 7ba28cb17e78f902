// One datapath a node: an exclusive lock on the folder of its pins, held for as long as the process
// lives.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace fairlead::datapath {

// Makes `pin_dir` and the folder `links` in it. FAILED_PRECONDITION when it is not on a bpffs, or
// when another process, which is named, owns it.
absl::StatusOr<UniqueFd> LockPinDir(const std::string& pin_dir);

}  // namespace fairlead::datapath
