// Our routes on the node, told from other people's by their protocol number. Writes only what
// differs, as the maps' tables do.
#pragma once

#include <map>

#include "absl/status/status.h"
#include "base/netlink/route.h"
#include "datapath/table.h"

namespace fairlead::datapath {

class RouteTable {
 public:
  RouteTable(netlink::Socket& socket, WriteStats& stats) : socket_(socket), stats_(stats) {}

  // Takes over what a predecessor left.
  absl::Status Load();
  // `route.protocol` is set to ours.
  absl::Status Set(netlink::Route route);
  absl::Status Erase(const IpPrefix& destination);
  // Writes again what somebody has removed; says the first that could not be, after all were tried.
  absl::Status Verify();
  const std::map<IpPrefix, netlink::Route>& held() const { return held_; }

 private:
  absl::StatusOr<std::map<IpPrefix, netlink::Route>> ReadBack();

  netlink::Socket& socket_;
  WriteStats& stats_;
  std::map<IpPrefix, netlink::Route> held_;
};

}  // namespace fairlead::datapath
