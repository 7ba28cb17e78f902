// The last good state as it is on disk: a state file (state_file.h) whose content is the push that
// would bring an empty agent there. Read with the same checks as what a controller sends.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/node_state.h"
#include "agent/resource.h"

namespace fairlead::agent {

struct SavedState {
  std::vector<Change> changes;
  uint64_t watermark = 0;
};

// NOT_FOUND: there is none. DATA_LOSS: it cannot be used, with the reason.
absl::StatusOr<SavedState> LoadSavedState(const std::string& path);

// The content for WriteStateFile.
std::string SavedStateOf(const NodeState& state, uint64_t watermark);

}  // namespace fairlead::agent
