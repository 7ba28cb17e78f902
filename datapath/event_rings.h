// The rings of events, one for each possible CPU, in the map "events" (abi/event.h). They live as long as
// that map, so what waits in them outlives the agent.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace fairlead::datapath {

// Entries that the map "events" needs: the number of possible CPUs.
absl::StatusOr<uint32_t> EventRingCount();

// Makes the rings that are not there yet.
absl::Status MakeEventRings(int events_fd);

// By CPU. Needs CAP_SYS_ADMIN, as every opening of a map by its id.
absl::StatusOr<std::vector<UniqueFd>> OpenEventRings(int events_fd);

}  // namespace fairlead::datapath
