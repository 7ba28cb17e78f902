#include "cni/wiring.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/netlink/address.h"
#include "base/netlink/route.h"
#include "base/netlink/rule.h"
#include "base/netns.h"
#include "base/status_macros.h"
#include "cni/error.h"

namespace fairlead::cni {
namespace {

using netlink::Link;
using netlink::Socket;

constexpr char kHostPrefix[] = "flp";
constexpr uint32_t kLoopbackIndex = 1;
// Tables of further interfaces: above those that people number by hand. Rules come before the main table's.
constexpr uint32_t kFirstOwnTable = 0xf1000000;
constexpr uint32_t kRulePriority = 1000;

IpPrefix DefaultOf(const IpAddress& gateway) {
  return *IpPrefix::Of(gateway.is_v4() ? IpAddress::FromV4(0) : IpAddress(), 0);
}

uint32_t OwnTable(uint32_t ifindex) {
  return kFirstOwnTable + ifindex;
}

absl::Status WriteSetting(const std::string& path, absl::string_view value) {
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoError(errno, absl::StrCat("open ", path));
  if (write(fd.get(), value.data(), value.size()) < 0) return ErrnoError(errno, absl::StrCat("write ", path));
  return absl::OkStatus();
}

// Before the link is up: no address of a foreign router, and its link-local address at once. Runtimes
// may have switched IPv6 off in the namespace.
absl::Status ConfigureIpv6(int pod_netns_fd, const std::string& if_name) {
  ASSIGN_OR_RETURN(NetnsScope scope, NetnsScope::Enter(pod_netns_fd));
  const std::string folder = absl::StrCat("/proc/sys/net/ipv6/conf/", if_name, "/");
  RETURN_IF_ERROR(WriteSetting(folder + "disable_ipv6", "0"));
  RETURN_IF_ERROR(WriteSetting(folder + "accept_ra", "0"));
  return WriteSetting(folder + "accept_dad", "0");
}

// The pair of an earlier ADD whose pod end is in this namespace.
absl::StatusOr<Link> FindOwnPair(Socket& host, Socket& pod, const std::string& if_name,
                                 const PreparedLink& link) {
  ASSIGN_OR_RETURN(Link outside, netlink::FindLink(host, link.host_interface));
  ASSIGN_OR_RETURN(Link inside, netlink::FindLink(pod, if_name));
  if (inside.kind != "veth" || inside.peer_ifindex != outside.ifindex) {
    return absl::FailedPreconditionError(absl::StrCat("take over ", if_name, ": it is no end of ",
                                                      link.host_interface, " but another device's"));
  }
  return outside;
}

absl::StatusOr<bool> IsElsewhere(Socket& pod, uint32_t ifindex, const IpPrefix& destination) {
  ASSIGN_OR_RETURN(const std::vector<netlink::Route> routes, netlink::Routes(pod));
  return std::any_of(routes.begin(), routes.end(), [&](const netlink::Route& route) {
    return route.destination == destination && route.ifindex != ifindex;
  });
}

// The families' gateways whose default routes are this interface's.
absl::StatusOr<std::vector<IpAddress>> ConfigurePodEnd(Socket& pod, uint32_t ifindex,
                                                       const PreparedLink& link) {
  std::vector<IpAddress> default_gateways;
  RETURN_IF_ERROR(netlink::ChangeLink(pod, kLoopbackIndex, {.up = true}));
  for (const IpAddress& address : link.addresses) {
    RETURN_IF_ERROR(netlink::AddAddress(pod, ifindex, address, address.is_v4() ? 32 : 128));
  }
  RETURN_IF_ERROR(netlink::ChangeLink(pod, ifindex, {.up = true, .mtu = link.mtu, .mac = link.mac}));
  for (const IpAddress& gateway : link.gateways) {
    ASSIGN_OR_RETURN(const bool elsewhere, IsElsewhere(pod, ifindex, DefaultOf(gateway)));
    const uint32_t table = elsewhere ? OwnTable(ifindex) : netlink::kMainTable;
    if (!elsewhere) default_gateways.push_back(gateway);
    RETURN_IF_ERROR(netlink::ReplaceNeighbour(pod, {ifindex, gateway, link.host_mac}));
    RETURN_IF_ERROR(netlink::ReplaceRoute(pod, {.destination = IpPrefix::Host(gateway),
                                                .ifindex = ifindex,
                                                .protocol = netlink::kFairleadProtocol,
                                                .table = table}));
    netlink::Route route{.destination = DefaultOf(gateway),
                         .gateway = gateway,
                         .ifindex = ifindex,
                         .protocol = netlink::kFairleadProtocol,
                         .table = table};
    RETURN_IF_ERROR(netlink::ReplaceRoute(pod, route));
    for (const auto& [destination, mtu] : link.route_mtus) {
      if (destination.address().is_v4() != gateway.is_v4()) continue;
      route.destination = destination;
      route.mtu = mtu;
      RETURN_IF_ERROR(netlink::ReplaceRoute(pod, route));
    }
    for (const IpAddress& address : link.addresses) {
      if (!elsewhere || address.is_v4() != gateway.is_v4()) continue;
      RETURN_IF_ERROR(netlink::AddRule(pod, {.source = address, .table = table, .priority = kRulePriority}));
    }
  }
  return default_gateways;
}

bool HasIpv6(const PreparedLink& link) {
  return std::any_of(link.addresses.begin(), link.addresses.end(),
                     [](const IpAddress& address) { return !address.is_v4(); });
}

absl::StatusOr<WiredPod> Wire(int pod_netns_fd, const std::string& if_name, const PreparedLink& link) {
  ASSIGN_OR_RETURN(Socket host, Socket::Open());
  ASSIGN_OR_RETURN(Socket pod, Socket::OpenIn(pod_netns_fd));
  absl::Status created = netlink::CreateVeth(host, {.name = link.host_interface,
                                                    .mac = link.host_mac,
                                                    .peer_name = if_name,
                                                    .peer_mac = link.mac,
                                                    .peer_netns_fd = pod_netns_fd,
                                                    .mtu = link.mtu});
  const bool take_over = link.existing && absl::IsAlreadyExists(created);
  if (!created.ok() && !take_over) return created;
  // From here on a failure takes the pair away again; a kill leaves that to the agent.
  auto undo = absl::MakeCleanup([&] {
    if (take_over) return;
    if (auto left = netlink::FindLink(host, link.host_interface); left.ok()) {
      netlink::DeleteLink(host, left->ifindex).IgnoreError();
    }
  });
  ASSIGN_OR_RETURN(Link outside, FindOwnPair(host, pod, if_name, link));
  ASSIGN_OR_RETURN(Link inside, netlink::FindLink(pod, if_name));
  if (HasIpv6(link)) RETURN_IF_ERROR(ConfigureIpv6(pod_netns_fd, if_name));
  ASSIGN_OR_RETURN(std::vector<IpAddress> gateways, ConfigurePodEnd(pod, inside.ifindex, link));
  std::move(undo).Cancel();
  return WiredPod{outside.ifindex, std::move(gateways)};
}

absl::Status Differs(const std::string& if_name, absl::string_view what) {
  return CniError(ErrorCode::kCheckFailed, absl::StrCat("check interface ", if_name, " of the pod: ", what),
                  "delete the pod; its controller makes a new one");
}

// Packets of its addresses are led to the interface's own table.
absl::Status CheckRules(Socket& pod, const std::string& if_name, uint32_t ifindex, bool v4,
                        const ExpectedLink& expected) {
  ASSIGN_OR_RETURN(const std::vector<netlink::Rule> rules, netlink::Rules(pod));
  for (const IpAddress& address : expected.addresses) {
    const netlink::Rule wanted{.source = address, .table = OwnTable(ifindex), .priority = kRulePriority};
    if (address.is_v4() != v4 || std::find(rules.begin(), rules.end(), wanted) != rules.end()) continue;
    return Differs(if_name, absl::StrCat("no rule leads packets from ", address.ToString(), " to its table ",
                                         wanted.table));
  }
  return absl::OkStatus();
}

absl::Status CheckRoutes(Socket& pod, const std::string& if_name, uint32_t ifindex,
                         const ExpectedLink& expected) {
  ASSIGN_OR_RETURN(const std::vector<netlink::Route> main_routes, netlink::Routes(pod));
  ASSIGN_OR_RETURN(const std::vector<netlink::Route> own_routes, netlink::Routes(pod, OwnTable(ifindex)));
  ASSIGN_OR_RETURN(std::vector<netlink::Neighbour> neighbours, netlink::PermanentNeighbours(pod));
  for (const IpAddress& gateway : expected.gateways) {
    const auto is_default = [&](const netlink::Route& route) {
      return route.destination == DefaultOf(gateway) && route.gateway == gateway && route.ifindex == ifindex;
    };
    const bool in_main = std::any_of(main_routes.begin(), main_routes.end(), is_default);
    const bool in_own = std::any_of(own_routes.begin(), own_routes.end(), is_default);
    if (!in_main && in_own) {
      RETURN_IF_ERROR(CheckRules(pod, if_name, ifindex, gateway.is_v4(), expected));
    }
    if (!in_main && !in_own)
      return Differs(if_name, absl::StrCat("no default route through ", gateway.ToString()));
    auto neighbour = std::find_if(neighbours.begin(), neighbours.end(), [&](const netlink::Neighbour& n) {
      return n.ifindex == ifindex && n.address == gateway;
    });
    if (neighbour == neighbours.end()) {
      return Differs(if_name, absl::StrCat("no permanent neighbour ", gateway.ToString()));
    }
    const std::string mac = netlink::MacToString(neighbour->mac);
    if (!expected.host_mac.empty() && mac != expected.host_mac) {
      return Differs(
          if_name, absl::StrCat("neighbour ", gateway.ToString(), " is ", mac, ", not ", expected.host_mac));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<netlink::MacAddress> ParseMac(const std::string& text) {
  netlink::MacAddress mac{};
  bool good = text.size() == 17;
  for (size_t i = 0; good && i < mac.size(); ++i) {
    const char* begin = text.data() + 3 * i;
    const auto [end, error] = std::from_chars(begin, begin + 2, mac[i], 16);
    good = error == std::errc() && end == begin + 2 && (i == 5 || *end == ':');
  }
  if (!good) return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not a device's address"));
  return mac;
}

absl::StatusOr<WiredPod> WirePod(int pod_netns_fd, const std::string& if_name, const PreparedLink& link) {
  absl::StatusOr<WiredPod> wired = Wire(pod_netns_fd, if_name, link);
  if (!wired.ok()) return WithCode(wired.status(), ErrorCode::kWiring);
  return wired;
}

absl::StatusOr<FoundLink> CheckPod(int pod_netns_fd, const std::string& if_name,
                                   const ExpectedLink& expected) {
  ASSIGN_OR_RETURN(Socket pod, Socket::OpenIn(pod_netns_fd));
  absl::StatusOr<Link> link = netlink::FindLink(pod, if_name);
  if (!link.ok()) return Differs(if_name, "it is not there");
  if (!link->up) return Differs(if_name, "it is down");
  FoundLink found{.mac = netlink::MacToString(link->mac)};
  if (!expected.mac.empty() && found.mac != expected.mac) {
    return Differs(if_name, absl::StrCat("its address is ", found.mac, ", not ", expected.mac));
  }
  ASSIGN_OR_RETURN(std::vector<netlink::InterfaceAddress> addresses, netlink::Addresses(pod));
  for (const netlink::InterfaceAddress& address : addresses) {
    if (address.ifindex == link->ifindex && !address.link_scope) found.addresses.push_back(address.address);
  }
  for (const IpAddress& wanted : expected.addresses) {
    if (std::find(found.addresses.begin(), found.addresses.end(), wanted) == found.addresses.end()) {
      return Differs(if_name, absl::StrCat("address ", wanted.ToString(), " is missing"));
    }
  }
  RETURN_IF_ERROR(CheckRoutes(pod, if_name, link->ifindex, expected));
  return found;
}

absl::Status RemoveRules(int pod_netns_fd, const std::string& if_name) {
  ASSIGN_OR_RETURN(Socket pod, Socket::OpenIn(pod_netns_fd));
  absl::StatusOr<Link> inside = netlink::FindLink(pod, if_name);
  if (!inside.ok()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<netlink::Rule> rules, netlink::Rules(pod));
  for (const netlink::Rule& rule : rules) {
    if (rule.table == OwnTable(inside->ifindex)) RETURN_IF_ERROR(netlink::DeleteRule(pod, rule));
  }
  return absl::OkStatus();
}

absl::Status UnwirePod(int pod_netns_fd, const std::string& if_name) {
  ASSIGN_OR_RETURN(Socket host, Socket::Open());
  ASSIGN_OR_RETURN(Socket pod, Socket::OpenIn(pod_netns_fd));
  absl::StatusOr<Link> inside = netlink::FindLink(pod, if_name);
  if (!inside.ok() || inside->kind != "veth") return absl::OkStatus();
  absl::StatusOr<Link> outside = netlink::FindLink(host, inside->peer_ifindex);
  if (!outside.ok() || !outside->name.starts_with(kHostPrefix) || outside->peer_ifindex != inside->ifindex) {
    return absl::OkStatus();
  }
  absl::Status deleted = netlink::DeleteLink(host, outside->ifindex);
  return absl::IsNotFound(deleted) ? absl::OkStatus() : deleted;
}

}  // namespace fairlead::cni
