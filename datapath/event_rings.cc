#include "datapath/event_rings.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "datapath/abi/event.h"
#include "datapath/bpf_error.h"

namespace fairlead::datapath {
namespace {

// -1: there is none.
absl::StatusOr<UniqueFd> OpenRing(int events_fd, uint32_t cpu) {
  uint32_t id = 0;
  if (bpf_map_lookup_elem(events_fd, &cpu, &id) != 0) {
    if (errno == ENOENT) return UniqueFd();
    return BpfError(errno, absl::StrCat("look up CPU ", cpu, "'s ring of events"));
  }
  UniqueFd ring(bpf_map_get_fd_by_id(id));
  if (!ring.valid()) return BpfError(errno, absl::StrCat("open CPU ", cpu, "'s ring of events"));
  return ring;
}

}  // namespace

absl::StatusOr<uint32_t> EventRingCount() {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus < 0) return BpfError(-cpus, "count the CPUs");
  return static_cast<uint32_t>(cpus);
}

absl::Status MakeEventRings(int events_fd) {
  ASSIGN_OR_RETURN(const uint32_t count, EventRingCount());
  for (uint32_t cpu = 0; cpu < count; ++cpu) {
    ASSIGN_OR_RETURN(const UniqueFd held, OpenRing(events_fd, cpu));
    if (held.valid()) continue;
    const UniqueFd ring(
        bpf_map_create(BPF_MAP_TYPE_RINGBUF, "fairlead_events", 0, 0, FL_EVENTS_SIZE, nullptr));
    if (!ring.valid()) return BpfError(errno, absl::StrCat("make a ring of events for CPU ", cpu));
    const int fd = ring.get();
    if (bpf_map_update_elem(events_fd, &cpu, &fd, BPF_ANY) != 0) {
      return BpfError(errno, absl::StrCat("publish CPU ", cpu, "'s ring of events"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<UniqueFd>> OpenEventRings(int events_fd) {
  ASSIGN_OR_RETURN(const uint32_t count, EventRingCount());
  std::vector<UniqueFd> rings;
  for (uint32_t cpu = 0; cpu < count; ++cpu) {
    ASSIGN_OR_RETURN(UniqueFd ring, OpenRing(events_fd, cpu));
    if (!ring.valid()) return absl::NotFoundError(absl::StrCat("CPU ", cpu, " has no ring of events"));
    rings.push_back(std::move(ring));
  }
  return rings;
}

}  // namespace fairlead::datapath
