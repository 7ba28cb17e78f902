#include "agent/pods/links.h"

#include <net/if.h>

#include <chrono>

#include "agent/pods/lease.h"
#include "base/netlink/link.h"
#include "base/netlink/route.h"
#include "base/status_macros.h"

namespace fairlead::agent {
namespace {

constexpr std::chrono::microseconds kLookAgain{100};

template <typename Duration>
bool IsReady(const std::future<absl::Status>& future, Duration patience) {
  return future.wait_for(patience) == std::future_status::ready;
}

}  // namespace

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

absl::StatusOr<std::set<uint32_t>> NetlinkLinks::Down() {
  ASSIGN_OR_RETURN(std::vector<netlink::Link> links, netlink::Links(socket_));
  std::set<uint32_t> down;
  for (const netlink::Link& link : links) {
    if (link.kind == "veth" && IsHostInterfaceName(link.name) && !link.up) down.insert(link.ifindex);
  }
  return down;
}

absl::StatusOr<uint32_t> NetlinkLinks::Find(const std::string& name) {
  ASSIGN_OR_RETURN(netlink::Link link, netlink::FindLink(socket_, name));
  return link.ifindex;
}

absl::StatusOr<HostEnd> NetlinkLinks::Describe(const std::string& name) {
  ASSIGN_OR_RETURN(const netlink::Link link, netlink::FindLink(socket_, name));
  HostEnd end{.ifindex = link.ifindex, .name = link.name, .alias = link.alias, .host_mac = link.mac};
  ASSIGN_OR_RETURN(const std::vector<netlink::Neighbour> neighbours, netlink::PermanentNeighbours(socket_));
  for (const netlink::Neighbour& neighbour : neighbours) {
    if (neighbour.ifindex != link.ifindex) continue;
    end.mac = neighbour.mac;
    end.addresses.push_back(neighbour.address);
  }
  return end;
}

absl::Status NetlinkLinks::BringUp(uint32_t ifindex, const std::string& alias) {
  return netlink::ChangeLink(socket_, ifindex,
                             {.up = true, .alias = alias.empty() ? std::nullopt : std::optional(alias)});
}

absl::Status NetlinkLinks::Delete(const std::string& name) {
  std::erase_if(deletions_, [](const auto& deletion) { return IsReady(deletion, std::chrono::seconds(0)); });
  absl::StatusOr<netlink::Link> link = netlink::FindLink(socket_, name);
  if (absl::IsNotFound(link.status())) return absl::OkStatus();
  RETURN_IF_ERROR(link.status());
  const uint32_t ifindex = link->ifindex;
  std::future<absl::Status> deletion = std::async(std::launch::async, [ifindex]() -> absl::Status {
    ASSIGN_OR_RETURN(netlink::Socket socket, netlink::Socket::Open());
    return netlink::DeleteLink(socket, ifindex);
  });
  while (!IsReady(deletion, kLookAgain)) {
    // Answered without the lock that the deletion holds (unlike a netlink query).
    if (if_nametoindex(name.c_str()) == ifindex) continue;
    deletions_.push_back(std::move(deletion));
    return absl::OkStatus();
  }
  const absl::Status deleted = deletion.get();
  return absl::IsNotFound(deleted) ? absl::OkStatus() : deleted;
}

}  // namespace fairlead::agent
