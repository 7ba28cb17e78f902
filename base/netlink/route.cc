#include "base/netlink/route.h"

#include <sys/socket.h>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace fairlead::netlink {
namespace {

uint8_t FamilyOf(const IpAddress& address) {
  return address.is_v4() ? AF_INET : AF_INET6;
}

void PutAddress(Message& message, uint16_t type, const IpAddress& address) {
  const std::string bytes = address.ToBytes();
  message.PutBytes(type, bytes.data(), bytes.size());
}

Message RouteMessage(uint16_t type, uint16_t flags, const Route& route) {
  rtmsg header{};
  header.rtm_family = FamilyOf(route.destination.address());
  header.rtm_dst_len = static_cast<uint8_t>(route.destination.length());
  header.rtm_table = route.table < 256 ? static_cast<uint8_t>(route.table) : uint8_t{RT_TABLE_UNSPEC};
  header.rtm_protocol = route.protocol;
  header.rtm_scope = route.gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
  // IPv6 knows no scopes.
  if (header.rtm_family == AF_INET6) header.rtm_scope = RT_SCOPE_UNIVERSE;
  if (type == RTM_DELROUTE) header.rtm_scope = RT_SCOPE_NOWHERE;
  header.rtm_type = RTN_UNICAST;
  if (route.onlink) header.rtm_flags = RTNH_F_ONLINK;
  Message message(type, flags, header);
  if (route.destination.length() > 0) PutAddress(message, RTA_DST, route.destination.address());
  if (route.gateway) PutAddress(message, RTA_GATEWAY, *route.gateway);
  if (route.table >= 256) message.Put(RTA_TABLE, route.table);
  if (route.ifindex != 0) message.Put(RTA_OIF, route.ifindex);
  if (route.source) PutAddress(message, RTA_PREFSRC, *route.source);
  if (route.mtu != 0) {
    const size_t metrics = message.Begin(RTA_METRICS);
    message.Put(RTAX_MTU, route.mtu);
    message.End(metrics);
  }
  return message;
}

std::optional<Route> ParseRoute(const nlmsghdr* reply) {
  const auto* header = static_cast<const rtmsg*>(NLMSG_DATA(reply));
  const Attributes attributes = Attributes::Of<rtmsg>(reply);
  Route route;
  route.protocol = header->rtm_protocol;
  route.table = attributes.Has(RTA_TABLE) ? attributes.Get<uint32_t>(RTA_TABLE) : header->rtm_table;
  route.ifindex = attributes.Get<uint32_t>(RTA_OIF);
  route.mtu = attributes.Nested(RTA_METRICS).Get<uint32_t>(RTAX_MTU);
  route.onlink = (header->rtm_flags & RTNH_F_ONLINK) != 0;
  if (auto gateway = IpAddress::FromBytes(attributes.Bytes(RTA_GATEWAY)); gateway.ok()) {
    route.gateway = *gateway;
  }
  if (auto source = IpAddress::FromBytes(attributes.Bytes(RTA_PREFSRC)); source.ok()) route.source = *source;
  auto destination = IpAddress::FromBytes(attributes.Bytes(RTA_DST));
  if (!destination.ok()) destination = header->rtm_family == AF_INET ? IpAddress::FromV4(0) : IpAddress();
  auto prefix = IpPrefix::Of(*destination, header->rtm_dst_len);
  if (!prefix.ok()) return std::nullopt;
  route.destination = *prefix;
  return route;
}

}  // namespace

std::string ToString(const Route& route) {
  std::string text = route.destination.ToString();
  if (route.gateway) absl::StrAppend(&text, " via ", route.gateway->ToString());
  if (route.ifindex != 0) absl::StrAppend(&text, " on device with index ", route.ifindex);
  return text;
}

absl::Status ReplaceRoute(Socket& socket, const Route& route) {
  Message message = RouteMessage(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route);
  return WrapError(socket.Execute(message), absl::StrCat("write route ", ToString(route)));
}

absl::Status DeleteRoute(Socket& socket, const Route& route) {
  Message message = RouteMessage(RTM_DELROUTE, 0, route);
  return WrapError(socket.Execute(message), absl::StrCat("delete route ", ToString(route)));
}

absl::StatusOr<std::vector<Route>> Routes(Socket& socket, uint32_t table) {
  std::vector<Route> routes;
  for (const uint8_t family : {AF_INET, AF_INET6}) {
    rtmsg header{};
    header.rtm_family = family;
    Message message(RTM_GETROUTE, NLM_F_DUMP, header);
    RETURN_IF_ERROR(WrapError(socket.Query(message,
                                           [&](const nlmsghdr* reply) {
                                             if (reply->nlmsg_type != RTM_NEWROUTE) return;
                                             const auto* found = static_cast<const rtmsg*>(NLMSG_DATA(reply));
                                             if (found->rtm_type != RTN_UNICAST) return;
                                             if ((found->rtm_flags & RTM_F_CLONED) != 0) return;
                                             auto route = ParseRoute(reply);
                                             if (route && route->table == table) routes.push_back(*route);
                                           }),
                              "list routes"));
  }
  return routes;
}

absl::StatusOr<Route> RouteTo(Socket& socket, const IpAddress& destination) {
  rtmsg header{};
  header.rtm_family = FamilyOf(destination);
  header.rtm_dst_len = destination.is_v4() ? 32 : 128;
  Message message(RTM_GETROUTE, 0, header);
  PutAddress(message, RTA_DST, destination);
  std::optional<Route> route;
  RETURN_IF_ERROR(WrapError(socket.Query(message,
                                         [&](const nlmsghdr* reply) {
                                           if (reply->nlmsg_type == RTM_NEWROUTE) route = ParseRoute(reply);
                                         }),
                            absl::StrCat("find the route to ", destination.ToString())));
  if (!route) return absl::NotFoundError(absl::StrCat("no route to ", destination.ToString()));
  return *route;
}

absl::Status ReplaceNeighbour(Socket& socket, const Neighbour& neighbour) {
  ndmsg header{};
  header.ndm_family = FamilyOf(neighbour.address);
  header.ndm_ifindex = static_cast<int>(neighbour.ifindex);
  header.ndm_state = NUD_PERMANENT;
  Message message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, header);
  PutAddress(message, NDA_DST, neighbour.address);
  message.Put(NDA_LLADDR, neighbour.mac);
  return WrapError(socket.Execute(message), absl::StrCat("write neighbour ", neighbour.address.ToString(),
                                                         " on device with index ", neighbour.ifindex));
}

absl::Status DeleteNeighbour(Socket& socket, uint32_t ifindex, const IpAddress& address) {
  ndmsg header{};
  header.ndm_family = FamilyOf(address);
  header.ndm_ifindex = static_cast<int>(ifindex);
  Message message(RTM_DELNEIGH, 0, header);
  PutAddress(message, NDA_DST, address);
  return WrapError(socket.Execute(message),
                   absl::StrCat("delete neighbour ", address.ToString(), " on device with index ", ifindex));
}

absl::StatusOr<std::vector<Neighbour>> PermanentNeighbours(Socket& socket) {
  Message message(RTM_GETNEIGH, NLM_F_DUMP, ndmsg{});
  std::vector<Neighbour> neighbours;
  RETURN_IF_ERROR(WrapError(socket.Query(message,
                                         [&](const nlmsghdr* reply) {
                                           if (reply->nlmsg_type != RTM_NEWNEIGH) return;
                                           const auto* header = static_cast<const ndmsg*>(NLMSG_DATA(reply));
                                           const Attributes attributes = Attributes::Of<ndmsg>(reply);
                                           auto address = IpAddress::FromBytes(attributes.Bytes(NDA_DST));
                                           if (!address.ok() || (header->ndm_state & NUD_PERMANENT) == 0)
                                             return;
                                           neighbours.push_back(
                                               {.ifindex = static_cast<uint32_t>(header->ndm_ifindex),
                                                .address = *address,
                                                .mac = attributes.Get<MacAddress>(NDA_LLADDR)});
                                         }),
                            "list neighbours"));
  return neighbours;
}

}  // namespace fairlead::netlink
