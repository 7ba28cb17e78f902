// The network configuration by which a container runtime finds fairlead-cni, and those of others beside it.
// Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace fairlead::agent {

// Runtimes take the first file of the folder, by name.
inline constexpr char kConflistName[] = "05-fairlead.conflist";

// `run_dir`: where the agent listens. `chained`: plugins that run after ours, each a JSON object; an error
// names the one that is none. The capabilities tell the runtime which settings of a pod to hand over.
absl::StatusOr<std::string> MakeConflist(const std::string& run_dir, const std::vector<std::string>& chained);

// Whether a runtime reads a file of this name, and before ours.
bool ComesBeforeOurs(const std::string& name);
// Whether such a file is Multus's, which calls ours in turn.
bool DelegatesToOthers(absl::string_view content);

}  // namespace fairlead::agent
