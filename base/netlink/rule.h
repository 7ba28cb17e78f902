// Rules that choose a routing table by source address (`ip rule add from ADDRESS lookup TABLE`).
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/ip.h"
#include "base/netlink/socket.h"

namespace fairlead::netlink {

struct Rule {
  IpAddress source;
  uint32_t table = 0;
  uint32_t priority = 0;  // lower ones are asked first; the main table's is 32766

  bool operator==(const Rule&) const = default;
};

// One of ours (kFairleadProtocol); OK when it is there already.
absl::Status AddRule(Socket& socket, const Rule& rule);
// OK when there is none.
absl::Status DeleteRule(Socket& socket, const Rule& rule);
// Those of ours, both families.
absl::StatusOr<std::vector<Rule>> Rules(Socket& socket);

}  // namespace fairlead::netlink
