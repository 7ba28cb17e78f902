#include "agent/pods/links.h"

#include "agent/pods/lease.h"
#include "base/netlink/link.h"
#include "base/status_macros.h"

namespace fairlead::agent {

absl::StatusOr<NetlinkLinks> NetlinkLinks::Open() {
  ASSIGN_OR_RETURN(netlink::Socket socket, netlink::Socket::Open());
  return NetlinkLinks(std::move(socket));
}

absl::StatusOr<std::map<std::string, uint32_t>> NetlinkLinks::List() {
  ASSIGN_OR_RETURN(std::vector<netlink::Link> links, netlink::Links(socket_));
  std::map<std::string, uint32_t> ours;
  for (const netlink::Link& link : links) {
    if (link.kind == "veth" && IsHostInterfaceName(link.name)) ours[link.name] = link.ifindex;
  }
  return ours;
}

absl::StatusOr<uint32_t> NetlinkLinks::Find(const std::string& name) {
  ASSIGN_OR_RETURN(netlink::Link link, netlink::FindLink(socket_, name));
  return link.ifindex;
}

absl::Status NetlinkLinks::BringUp(uint32_t ifindex) {
  return netlink::ChangeLink(socket_, ifindex, {.up = true});
}

absl::Status NetlinkLinks::Delete(const std::string& name) {
  absl::StatusOr<netlink::Link> link = netlink::FindLink(socket_, name);
  if (absl::IsNotFound(link.status())) return absl::OkStatus();
  RETURN_IF_ERROR(link.status());
  absl::Status deleted = netlink::DeleteLink(socket_, link->ifindex);
  return absl::IsNotFound(deleted) ? absl::OkStatus() : deleted;
}

}  // namespace fairlead::agent
