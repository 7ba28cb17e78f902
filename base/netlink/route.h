// Routes and neighbour entries.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/ip.h"
#include "base/netlink/link.h"
#include "base/netlink/socket.h"

namespace fairlead::netlink {

inline constexpr uint32_t kMainTable = 254;

// A unicast route.
struct Route {
  IpPrefix destination;  // 0.0.0.0/0 or ::/0: the default route
  std::optional<IpAddress> gateway;
  uint32_t ifindex = 0;             // 0: from the gateway's route
  std::optional<IpAddress> source;  // preferred source address
  uint32_t mtu = 0;                 // 0: the device's
  bool onlink = false;              // take the gateway as reachable on the device
  uint8_t protocol = 4;             // rtm_protocol: 4 static; ours is kFairleadProtocol
  uint32_t table = kMainTable;

  bool operator==(const Route&) const = default;
};

// rtm_protocol of routes that Fairlead has made, so that they can be told from other people's.
inline constexpr uint8_t kFairleadProtocol = 0xf1;

std::string ToString(const Route& route);

// Makes or replaces the route to `destination`.
absl::Status ReplaceRoute(Socket& socket, const Route& route);
// NOT_FOUND when there is none.
absl::Status DeleteRoute(Socket& socket, const Route& route);
// Unicast routes of one table, both families; multipath routes without gateway and device.
absl::StatusOr<std::vector<Route>> Routes(Socket& socket, uint32_t table = kMainTable);
// The route that the kernel takes to `destination`: device, gateway, source.
absl::StatusOr<Route> RouteTo(Socket& socket, const IpAddress& destination);

// A permanent entry: never asked for, never aged.
struct Neighbour {
  uint32_t ifindex = 0;
  IpAddress address;
  MacAddress mac{};

  bool operator==(const Neighbour&) const = default;
};

absl::Status ReplaceNeighbour(Socket& socket, const Neighbour& neighbour);
absl::Status DeleteNeighbour(Socket& socket, uint32_t ifindex, const IpAddress& address);
// The permanent ones of all devices, both families.
absl::StatusOr<std::vector<Neighbour>> PermanentNeighbours(Socket& socket);

}  // namespace fairlead::netlink
