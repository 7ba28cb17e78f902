#include "datapath/node_wiring.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/netlink/address.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "datapath/reassembly_helper.h"
#include "datapath/sysctl.h"

namespace fairlead::datapath {
namespace {

// The same on every node: inner packets are addressed to it.
constexpr MacAddress kOverlayMac = {0x02, 0xfa, 0x17, 0x1e, 0xad, 0x01};
// Bytes that VXLAN adds to an inner IP packet: inner Ethernet 14, VXLAN 8, UDP 8, outer IP 20 or 40.
constexpr uint32_t kOverheadV4 = 50;
constexpr uint32_t kOverheadV6 = 70;

const char kReservedPorts[] = "net/ipv4/ip_local_reserved_ports";

// Of the namespace that this thread is in: what socket programs know it by.
absl::StatusOr<uint64_t> NetnsCookie() {
  UniqueFd any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!any.valid()) return ErrnoError(errno, "open a socket");
  uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
  if (getsockopt(any.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) != 0) {
    return ErrnoError(errno, "read SO_NETNS_COOKIE");
  }
  return cookie;
}

}  // namespace

NodeWiring::NodeWiring(netlink::Socket socket, Ledger& ledger, WriteStats& stats,
                       std::vector<std::string> node_devices, const std::string& link_dir)
    : socket_(std::move(socket)),
      ledger_(ledger),
      routes_(socket_, stats),
      device_names_(std::move(node_devices)),
      link_dir_(link_dir) {}

absl::StatusOr<std::unique_ptr<NodeWiring>> NodeWiring::Open(Ledger& ledger, WriteStats& stats,
                                                             std::vector<std::string> node_devices,
                                                             const std::string& link_dir) {
  ASSIGN_OR_RETURN(netlink::Socket socket, netlink::Socket::Open());
  std::unique_ptr<NodeWiring> wiring(
      new NodeWiring(std::move(socket), ledger, stats, std::move(node_devices), link_dir));
  RETURN_IF_ERROR(wiring->routes_.Load());
  return wiring;
}

void NodeWiring::Prepare(const NodeSettings& settings, Failures& failures) {
  if (is_prepared_ && settings == prepared_) return;
  const size_t failed_before = failures.size();
  auto step = [&](const absl::Status& status) {
    if (!status.ok()) Fail(failures, "NodeConfig", settings.node, WrapError(status, "prepare the node"));
  };
  if (settings != prepared_) published_.clear();
  prepared_ = settings;
  step(FindDevices(settings));
  step(SetForwarding());
  step(ReservePorts());
  if (settings.routing == Routing::kVxlan) step(PrepareOverlay(settings));
  step(PrepareReassembly());
  is_prepared_ = failures.size() == failed_before;
}

absl::Status NodeWiring::FindDevices(const NodeSettings& settings) {
  ASSIGN_OR_RETURN(const std::vector<netlink::Link> links, netlink::Links(socket_));
  ASSIGN_OR_RETURN(const std::vector<netlink::InterfaceAddress> held, netlink::Addresses(socket_));
  std::set<uint32_t> wanted;
  for (const netlink::InterfaceAddress& at : held) {
    const auto& ours = settings.node_addresses;
    if (device_names_.empty() && std::find(ours.begin(), ours.end(), at.address) != ours.end()) {
      wanted.insert(at.ifindex);
    }
  }
  for (const std::string& name : device_names_) {
    ASSIGN_OR_RETURN(const netlink::Link link, netlink::FindLink(socket_, name));
    wanted.insert(link.ifindex);
  }
  devices_.clear();
  for (const netlink::Link& link : links) {
    if (wanted.contains(link.ifindex) && !link.loopback) devices_.push_back(link);
  }
  facts_ = NodeFacts{.overlay_ifindex = facts_.overlay_ifindex, .overlay_mac = kOverlayMac};
  for (const netlink::Link& device : devices_) {
    facts_.underlay_mtu =
        &device == &devices_.front() ? device.mtu : std::min(facts_.underlay_mtu, device.mtu);
  }
  const std::optional<IpAddress> underlay = UnderlayAddress(settings.node_addresses);
  if (settings.routing == Routing::kVxlan) {
    facts_.overlay_overhead = underlay && underlay->is_v4() ? kOverheadV4 : kOverheadV6;
  }
  ASSIGN_OR_RETURN(facts_.netns_cookie, NetnsCookie());
  facts_.snat_port_first = kFirstSnatPort;
  facts_.snat_port_last = kLastSnatPort;
  return absl::OkStatus();
}

absl::Status NodeWiring::SetForwarding() {
  RETURN_IF_ERROR(EnsureSysctl(ledger_, "net/ipv4/ip_forward", "1"));
  // Pods' packets come in by one device and leave by another path than the routes say.
  RETURN_IF_ERROR(EnsureSysctl(ledger_, "net/ipv4/conf/all/rp_filter", "0"));
  RETURN_IF_ERROR(EnsureSysctl(ledger_, "net/ipv4/conf/default/rp_filter", "0"));
  for (const netlink::Link& device : devices_) {
    RETURN_IF_ERROR(EnsureSysctl(ledger_, absl::StrCat("net/ipv4/conf/", device.name, "/rp_filter"), "0"));
    // Forwarding makes a device deaf to router advertisements unless it is told otherwise.
    const std::string accept_ra = absl::StrCat("net/ipv6/conf/", device.name, "/accept_ra");
    const absl::StatusOr<std::string> now = ReadSysctl(accept_ra);
    if (now.ok() && *now == "1") RETURN_IF_ERROR(EnsureSysctl(ledger_, accept_ra, "2"));
  }
  return EnsureSysctl(ledger_, "net/ipv6/conf/all/forwarding", "1");
}

absl::Status NodeWiring::ReservePorts() {
  const std::string ours = absl::StrCat(kFirstSnatPort, "-", kLastSnatPort);
  const absl::StatusOr<std::string> now = ReadSysctl(kReservedPorts);
  if (absl::IsNotFound(now.status())) return absl::OkStatus();
  RETURN_IF_ERROR(now.status());
  const std::vector<std::string> ranges = absl::StrSplit(*now, ',', absl::SkipEmpty());
  if (std::find(ranges.begin(), ranges.end(), ours) != ranges.end()) return absl::OkStatus();
  return EnsureSysctl(ledger_, kReservedPorts, now->empty() ? ours : absl::StrCat(*now, ",", ours));
}

absl::Status NodeWiring::PrepareOverlay(const NodeSettings& settings) {
  const uint32_t mtu = facts_.underlay_mtu - facts_.overlay_overhead;
  absl::StatusOr<netlink::Link> link = netlink::FindLink(socket_, kOverlayDevice);
  if (link.ok() && link->kind != "vxlan") {
    return absl::FailedPreconditionError(
        absl::StrCat("device ", kOverlayDevice, " is no VXLAN device of ours; remove or rename it"));
  }
  const std::string entry = absl::StrCat("device ", kOverlayDevice);
  if (!link.ok()) {
    RETURN_IF_ERROR(ledger_.Record(entry, ""));
    RETURN_IF_ERROR(netlink::CreateExternalVxlan(
        socket_, {.name = kOverlayDevice, .mac = kOverlayMac, .port = settings.vxlan_port, .mtu = mtu}));
    link = netlink::FindLink(socket_, kOverlayDevice);
    RETURN_IF_ERROR(link.status());
  }
  // Every node's device has the same address, so nobody has to be asked for one.
  RETURN_IF_ERROR(netlink::ChangeLink(socket_, link->ifindex, {.up = true, .no_arp = true, .mtu = mtu}));
  facts_.overlay_ifindex = link->ifindex;
  return EnsureSysctl(ledger_, absl::StrCat("net/ipv4/conf/", kOverlayDevice, "/rp_filter"), "0");
}

absl::Status NodeWiring::PrepareReassembly() {
  const absl::StatusOr<uint32_t> ifindex =
      EnsureReassemblyHelper(socket_, ledger_, link_dir_, facts_.underlay_mtu);
  // Older kernels do without; Features() says so.
  if (absl::IsUnimplemented(ifindex.status())) return absl::OkStatus();
  RETURN_IF_ERROR(ifindex.status());
  facts_.reassembly_ifindex = *ifindex;
  return absl::OkStatus();
}

absl::Status NodeWiring::RemoveOverlay() {
  const std::string entry = absl::StrCat("device ", kOverlayDevice);
  if (!ledger_.Has(entry)) return absl::OkStatus();
  const absl::StatusOr<netlink::Link> link = netlink::FindLink(socket_, kOverlayDevice);
  if (link.ok()) RETURN_IF_ERROR(netlink::DeleteLink(socket_, link->ifindex));
  facts_.overlay_ifindex = 0;
  return ledger_.Forget(entry);
}

std::optional<IpAddress> NodeWiring::NodeAddress(bool v4) const {
  for (const IpAddress& address : prepared_.node_addresses) {
    if (address.is_v4() == v4) return address;
  }
  return std::nullopt;
}

void NodeWiring::RouteToNodes(const DesiredState& desired, const StateChanges& changes, Failures& failures) {
  if (routed_ && !changes.all && !changes.settings && changes.nodes.empty()) return;
  Failures ours;
  Publish(desired, ours);
  Retire(desired, ours);
  routed_ = desired.complete && ours.empty();
  Add(failures, ours);
}

void NodeWiring::Publish(const DesiredState& desired, Failures& failures) {
  for (const auto& [name, node] : desired.nodes) {
    auto held = published_.find(name);
    if (held != published_.end() && held->second == node) continue;
    absl::Status status;
    for (const IpPrefix& cidr : node.pod_cidrs) {
      if (status.ok()) status = RouteToNode(cidr, node, desired.settings);
    }
    if (status.ok()) {
      published_[name] = node;
    } else {
      Fail(failures, "Node", name, WrapError(status, absl::StrCat("route the host to node ", name)));
    }
  }
}

absl::Status NodeWiring::RouteToNode(const IpPrefix& cidr, const RemoteNode& node,
                                     const NodeSettings& settings) {
  const bool v4 = cidr.address().is_v4();
  netlink::Route route{.destination = cidr, .source = NodeAddress(v4)};
  if (settings.routing == Routing::kVxlan) {
    route.ifindex = facts_.overlay_ifindex;
    return routes_.Set(route);
  }
  auto gateway = std::find_if(node.addresses.begin(), node.addresses.end(),
                              [&](const IpAddress& a) { return a.is_v4() == v4; });
  if (gateway == node.addresses.end()) {
    return absl::FailedPreconditionError(
        absl::StrCat("direct routing of ", cidr.ToString(), " needs a node address of its family"));
  }
  // Behind a router, the router is the next hop, and must itself know the way to the pods.
  ASSIGN_OR_RETURN(const netlink::Route way, netlink::RouteTo(socket_, *gateway));
  route.gateway = way.gateway.value_or(*gateway);
  route.ifindex = way.ifindex;
  return routes_.Set(route);
}

void NodeWiring::Retire(const DesiredState& desired, Failures& failures) {
  if (!desired.complete) return;
  std::erase_if(published_, [&](const auto& held) { return !desired.nodes.contains(held.first); });
  std::set<IpPrefix> wanted;
  for (const auto& [name, node] : desired.nodes) wanted.insert(node.pod_cidrs.begin(), node.pod_cidrs.end());
  for (const auto& [key, endpoint] : desired.endpoints) {
    for (const IpAddress& address : endpoint.addresses) wanted.insert(IpPrefix::Host(address));
  }
  std::vector<IpPrefix> gone;
  for (const auto& [destination, route] : routes_.held()) {
    if (!wanted.contains(destination)) gone.push_back(destination);
  }
  absl::Status status;
  for (const IpPrefix& destination : gone) {
    if (absl::Status erased = routes_.Erase(destination); !erased.ok()) status = erased;
  }
  if (status.ok() && desired.settings.routing == Routing::kDirect) status = RemoveOverlay();
  if (!status.ok())
    Fail(failures, "NodeConfig", desired.settings.node, WrapError(status, "remove old routes"));
}

absl::Status NodeWiring::Connect(const LocalEndpoint& endpoint) {
  const std::string rp_filter = absl::StrCat("net/ipv4/conf/", endpoint.host_interface, "/rp_filter");
  if (!endpoint.host_interface.empty()) {
    const absl::StatusOr<std::string> now = ReadSysctl(rp_filter);
    // The device and its settings go with the pod: nothing to record.
    if (now.ok() && *now != "0") RETURN_IF_ERROR(WriteSysctl(rp_filter, "0"));
  }
  for (const IpAddress& address : endpoint.addresses) {
    RETURN_IF_ERROR(routes_.Set({.destination = IpPrefix::Host(address),
                                 .ifindex = endpoint.ifindex,
                                 .source = NodeAddress(address.is_v4())}));
    RETURN_IF_ERROR(netlink::ReplaceNeighbour(
        socket_, {.ifindex = endpoint.ifindex, .address = address, .mac = endpoint.mac}));
  }
  return absl::OkStatus();
}

absl::Status NodeWiring::Disconnect(const LocalEndpoint& endpoint) {
  for (const IpAddress& address : endpoint.addresses) {
    const IpPrefix destination = IpPrefix::Host(address);
    auto held = routes_.held().find(destination);
    // The address may be another pod's by now.
    if (held == routes_.held().end() || held->second.ifindex != endpoint.ifindex) continue;
    RETURN_IF_ERROR(routes_.Erase(destination));
    netlink::DeleteNeighbour(socket_, endpoint.ifindex, address).IgnoreError();  // goes with its device
  }
  return absl::OkStatus();
}

absl::Status NodeWiring::Check(const LocalEndpoint& endpoint) {
  ASSIGN_OR_RETURN(const auto neighbours, netlink::PermanentNeighbours(socket_));
  for (const IpAddress& address : endpoint.addresses) {
    const absl::StatusOr<netlink::Route> route = netlink::RouteTo(socket_, address);
    if (!route.ok() || route->ifindex != endpoint.ifindex) {
      return absl::FailedPreconditionError(absl::StrCat("check endpoint ", endpoint.key,
                                                        ": the node's route to ", address.ToString(),
                                                        " does not lead to its link"));
    }
    const netlink::Neighbour wanted{.ifindex = endpoint.ifindex, .address = address, .mac = endpoint.mac};
    if (std::find(neighbours.begin(), neighbours.end(), wanted) == neighbours.end()) {
      return absl::FailedPreconditionError(absl::StrCat("check endpoint ", endpoint.key,
                                                        ": the node has no permanent neighbour entry for ",
                                                        address.ToString()));
    }
  }
  return absl::OkStatus();
}

absl::Status NodeWiring::Verify() {
  routed_ = false;
  is_prepared_ = false;  // settings and devices are looked at again by the next Prepare
  return routes_.Verify();
}

}  // namespace fairlead::datapath
