#include "datapath/route_table.h"

#include "base/status_macros.h"

namespace fairlead::datapath {

absl::Status RouteTable::Load() {
  ASSIGN_OR_RETURN(held_, ReadBack());
  return absl::OkStatus();
}

absl::StatusOr<std::map<IpPrefix, netlink::Route>> RouteTable::ReadBack() {
  ASSIGN_OR_RETURN(const std::vector<netlink::Route> routes, netlink::Routes(socket_));
  std::map<IpPrefix, netlink::Route> ours;
  for (const netlink::Route& route : routes) {
    if (route.protocol == netlink::kFairleadProtocol) ours[route.destination] = route;
  }
  return ours;
}

absl::Status RouteTable::Set(netlink::Route route) {
  route.protocol = netlink::kFairleadProtocol;
  auto held = held_.find(route.destination);
  if (held != held_.end() && held->second == route) return absl::OkStatus();
  RETURN_IF_ERROR(netlink::ReplaceRoute(socket_, route));
  ++stats_.writes;
  held_[route.destination] = route;
  return absl::OkStatus();
}

absl::Status RouteTable::Erase(const IpPrefix& destination) {
  auto held = held_.find(destination);
  if (held == held_.end()) return absl::OkStatus();
  absl::Status deleted = netlink::DeleteRoute(socket_, held->second);
  // It goes with its device, too.
  if (!deleted.ok() && !absl::IsNotFound(deleted)) return deleted;
  ++stats_.writes;
  held_.erase(held);
  return absl::OkStatus();
}

absl::Status RouteTable::Verify() {
  ASSIGN_OR_RETURN(const auto actual, ReadBack());
  absl::Status result;
  for (const auto& [destination, route] : held_) {
    auto found = actual.find(destination);
    const bool same = found != actual.end() && found->second.gateway == route.gateway &&
                      (route.ifindex == 0 || found->second.ifindex == route.ifindex);
    if (same) continue;
    // One that cannot be, of a link that is down, keeps no other from being mended.
    const absl::Status written = netlink::ReplaceRoute(socket_, route);
    if (written.ok()) ++stats_.repaired;
    result.Update(written);
  }
  return result;
}

}  // namespace fairlead::datapath
