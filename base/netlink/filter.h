// eBPF filters on a device (clsact qdisc, RTM_*TFILTER, direct action): what tc calls
// "tc filter add dev D ingress bpf da". One message each; none waits for the packets on their way, as
// attaching by a tcx link does, but the first filter on either side of a device.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/netlink/socket.h"

namespace fairlead::netlink {

// One side of a device, as the device sees it.
struct FilterPoint {
  uint32_t ifindex = 0;
  bool ingress = true;
};

// What a filter is found by: filters run by rising priority.
struct FilterId {
  uint16_t priority = 0;
  uint32_t handle = 0;

  bool operator==(const FilterId&) const = default;
};

struct Filter {
  FilterId id;
  uint32_t program_id = 0;
  std::string name;  // as whoever made it called it
};

// Gives the device the place that its filters hang on; OK when it has one.
absl::Status EnsureClsact(Socket& socket, uint32_t ifindex);
// Replaces the filter of that id in one step: each packet meets the old program or the new one.
absl::Status ReplaceFilter(Socket& socket, const FilterPoint& at, const FilterId& id, int program_fd,
                           const std::string& name);
// NOT_FOUND when there is none; INVALID_ARGUMENT when the device has no clsact.
absl::Status DeleteFilter(Socket& socket, const FilterPoint& at, const FilterId& id);
// eBPF filters in the order in which they run, ours or not; empty without a clsact or a device.
absl::StatusOr<std::vector<Filter>> Filters(Socket& socket, const FilterPoint& at);

}  // namespace fairlead::netlink
