#include "base/netlink/link.h"

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <net/if.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"

namespace fairlead::netlink {
namespace {

ifinfomsg InfoOf(uint32_t ifindex) {
  ifinfomsg info{};
  info.ifi_index = static_cast<int>(ifindex);
  return info;
}

Link ParseLink(const nlmsghdr* reply) {
  const auto* info = static_cast<const ifinfomsg*>(NLMSG_DATA(reply));
  const Attributes attributes = Attributes::Of<ifinfomsg>(reply);
  return Link{.ifindex = static_cast<uint32_t>(info->ifi_index),
              .name = attributes.String(IFLA_IFNAME),
              .kind = attributes.Nested(IFLA_LINKINFO).String(IFLA_INFO_KIND),
              .mac = attributes.Get<MacAddress>(IFLA_ADDRESS),
              .mtu = attributes.Get<uint32_t>(IFLA_MTU),
              .up = (info->ifi_flags & IFF_UP) != 0,
              .loopback = (info->ifi_flags & IFF_LOOPBACK) != 0,
              .peer_ifindex = attributes.Get<uint32_t>(IFLA_LINK),
              .master_ifindex = attributes.Get<uint32_t>(IFLA_MASTER),
              .alias = attributes.String(IFLA_IFALIAS)};
}

absl::StatusOr<Link> FindOne(Socket& socket, Message& message, const std::string& what) {
  std::optional<Link> link;
  absl::Status status = socket.Query(message, [&](const nlmsghdr* reply) {
    if (reply->nlmsg_type == RTM_NEWLINK) link = ParseLink(reply);
  });
  if (!status.ok()) {
    // The kernel says ENODEV, which Abseil maps to NOT_FOUND.
    return WrapError(status, absl::StrCat("find device ", what));
  }
  if (!link) return absl::NotFoundError(absl::StrCat("find device ", what, ": no reply"));
  return *link;
}

}  // namespace

std::string MacToString(const MacAddress& mac) {
  return absl::StrFormat("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

absl::Status CreateVeth(Socket& socket, const VethRequest& request) {
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, InfoOf(0));
  message.PutString(IFLA_IFNAME, request.name);
  if (request.mac) message.Put(IFLA_ADDRESS, *request.mac);
  if (request.mtu != 0) message.Put(IFLA_MTU, request.mtu);
  const size_t info = message.Begin(IFLA_LINKINFO);
  message.PutString(IFLA_INFO_KIND, "veth");
  const size_t data = message.Begin(IFLA_INFO_DATA);
  const size_t peer = message.Begin(VETH_INFO_PEER);
  message.Append(InfoOf(0));
  message.PutString(IFLA_IFNAME, request.peer_name);
  if (request.peer_mac) message.Put(IFLA_ADDRESS, *request.peer_mac);
  if (request.mtu != 0) message.Put(IFLA_MTU, request.mtu);
  if (request.peer_netns_fd >= 0) {
    message.Put(IFLA_NET_NS_FD, static_cast<uint32_t>(request.peer_netns_fd));
  }
  message.End(peer);
  message.End(data);
  message.End(info);
  return WrapError(socket.Execute(message),
                   absl::StrCat("create veth pair ", request.name, "/", request.peer_name));
}

absl::Status CreateExternalVxlan(Socket& socket, const VxlanRequest& request) {
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, InfoOf(0));
  message.PutString(IFLA_IFNAME, request.name);
  message.Put(IFLA_ADDRESS, request.mac);
  if (request.mtu != 0) message.Put(IFLA_MTU, request.mtu);
  const size_t info = message.Begin(IFLA_LINKINFO);
  message.PutString(IFLA_INFO_KIND, "vxlan");
  const size_t data = message.Begin(IFLA_INFO_DATA);
  message.Put<uint8_t>(IFLA_VXLAN_COLLECT_METADATA, 1);
  message.Put<uint8_t>(IFLA_VXLAN_LEARNING, 0);
  message.Put<uint16_t>(IFLA_VXLAN_PORT, htons(request.port));
  message.Put<uint8_t>(IFLA_VXLAN_UDP_CSUM, 1);
  message.Put<uint8_t>(IFLA_VXLAN_UDP_ZERO_CSUM6_RX, 1);
  message.End(data);
  message.End(info);
  return WrapError(socket.Execute(message), absl::StrCat("create VXLAN device ", request.name));
}

absl::StatusOr<Link> FindLink(Socket& socket, const std::string& name) {
  Message message(RTM_GETLINK, 0, InfoOf(0));
  message.PutString(IFLA_IFNAME, name);
  return FindOne(socket, message, name);
}

absl::StatusOr<Link> FindLink(Socket& socket, uint32_t ifindex) {
  Message message(RTM_GETLINK, 0, InfoOf(ifindex));
  return FindOne(socket, message, absl::StrCat("with index ", ifindex));
}

absl::StatusOr<std::vector<Link>> Links(Socket& socket) {
  Message message(RTM_GETLINK, NLM_F_DUMP, InfoOf(0));
  std::vector<Link> links;
  RETURN_IF_ERROR(WrapError(socket.Query(message,
                                         [&](const nlmsghdr* reply) {
                                           if (reply->nlmsg_type == RTM_NEWLINK)
                                             links.push_back(ParseLink(reply));
                                         }),
                            "list devices"));
  return links;
}

absl::Status ChangeLink(Socket& socket, uint32_t ifindex, const LinkChange& change) {
  ifinfomsg info = InfoOf(ifindex);
  auto flag = [&](const std::optional<bool>& wanted, unsigned bit) {
    if (!wanted) return;
    info.ifi_change |= bit;
    if (*wanted) info.ifi_flags |= bit;
  };
  flag(change.up, IFF_UP);
  flag(change.no_arp, IFF_NOARP);
  Message message(RTM_NEWLINK, 0, info);
  if (change.mtu) message.Put(IFLA_MTU, *change.mtu);
  if (change.mac) message.Put(IFLA_ADDRESS, *change.mac);
  if (change.name) message.PutString(IFLA_IFNAME, *change.name);
  if (change.master_ifindex) message.Put(IFLA_MASTER, *change.master_ifindex);
  // Without a zero at its end, for which the longest one has no room.
  if (change.alias) message.PutBytes(IFLA_IFALIAS, change.alias->data(), change.alias->size());
  return WrapError(socket.Execute(message), absl::StrCat("change device with index ", ifindex));
}

absl::Status DeleteLink(Socket& socket, uint32_t ifindex) {
  Message message(RTM_DELLINK, 0, InfoOf(ifindex));
  return WrapError(socket.Execute(message), absl::StrCat("delete device with index ", ifindex));
}

}  // namespace fairlead::netlink
