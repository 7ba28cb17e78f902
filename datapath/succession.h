// What a new version takes over from the one before, when maps have another layout now: its programs read
// maps that are still empty, so the old programs, with their maps, go on until the new maps say everything.
//
// Not here: maps that programs fill (conntrack) and numbers that connections keep (endpoint, backend, node).
// A version that changes the layout of those has to carry over what is in them.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datapath/bpf_object.h"

namespace fairlead::datapath {

// Whether each stage program that runs reads the same of the agent's maps as the one of `object` that would
// replace it. It is so after a restart, and where nothing runs. Asks the kernel, not the pins: a version that
// was killed before it had filled its maps leaves pins too.
absl::StatusOr<bool> SharesMapsWithRunning(const BpfObject& object);

// Takes the pins of our maps' other layouts away, when nothing that runs reads them any more.
absl::Status RemoveOtherLayouts(const BpfObject& object, const std::string& pin_dir);

}  // namespace fairlead::datapath
