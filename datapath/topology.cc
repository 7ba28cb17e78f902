#include "datapath/topology.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"

namespace fairlead::datapath {

fl_config BuildConfig(const NodeSettings& settings, const NodeFacts& facts) {
  fl_config config{};
  if (settings.routing == Routing::kVxlan) config.flags |= FL_CONFIG_OVERLAY;
  if (settings.masquerade) config.flags |= FL_CONFIG_MASQUERADE;
  if (settings.socket_balancing) config.flags |= FL_CONFIG_SOCKET_BALANCING;
  for (const IpAddress& address : settings.node_addresses) {
    fl_address& place = address.is_v4() ? config.node_v4 : config.node_v6;
    if (IsUnspecified(place)) place = ToAbi(address);
  }
  config.overlay_ifindex = facts.overlay_ifindex;
  std::copy(facts.overlay_mac.begin(), facts.overlay_mac.end(), config.overlay_mac);
  config.overlay_mtu = static_cast<uint16_t>(facts.underlay_mtu - facts.overlay_overhead);
  config.vni = settings.vxlan_vni;
  config.snat_port_first = facts.snat_port_first;
  config.snat_port_last = facts.snat_port_last;
  config.node_port_first = settings.node_port_first;
  config.node_port_last = settings.node_port_last;
  config.underlay_mtu = facts.underlay_mtu;
  config.reassembly_ifindex = facts.reassembly_ifindex;
  config.endpoint_quota = facts.endpoint_quota;
  config.netns_cookie = facts.netns_cookie;
  return config;
}

std::optional<IpAddress> UnderlayAddress(const std::vector<IpAddress>& addresses) {
  auto v4 = std::find_if(addresses.begin(), addresses.end(), [](const IpAddress& a) { return a.is_v4(); });
  if (v4 != addresses.end()) return *v4;
  if (addresses.empty()) return std::nullopt;
  return addresses.front();
}

Topology::Topology(KernelMaps& kernel, WriteStats& stats)
    : config_(kernel, stats),
      nodes_(kernel, stats),
      locations_(kernel, stats),
      ranges_(kernel, stats),
      node_ids_(1, kernel.Capacity(MapId::kNode) - 1) {}

absl::Status Topology::Load() {
  RETURN_IF_ERROR(config_.Load());
  RETURN_IF_ERROR(nodes_.Load());
  RETURN_IF_ERROR(locations_.Load());
  RETURN_IF_ERROR(ranges_.Load());
  for (const auto& [index, node] : nodes_.held()) node_ids_.Adopt(index);
  return absl::OkStatus();
}

absl::Status Topology::PublishSettings(const NodeSettings& settings, const NodeFacts& facts) {
  fl_config config = BuildConfig(settings, facts);
  config.route_epoch = config_.Get(0).route_epoch;
  RETURN_IF_ERROR(config_.Set(0, config));
  for (const IpAddress& address : settings.node_addresses) {
    RETURN_IF_ERROR(SetLocation(ToAbi(address), {FL_LOCATION_THIS_NODE, 0}));
  }
  for (const IpPrefix& cidr : settings.pod_cidrs) RETURN_IF_ERROR(SetRange(cidr, {0, FL_RANGE_THIS_NODE}));
  for (const IpPrefix& cidr : settings.native_cidrs) RETURN_IF_ERROR(SetRange(cidr, {0, FL_RANGE_NATIVE}));
  return absl::OkStatus();
}

absl::Status Topology::PublishServiceRanges(const DesiredState& desired) {
  // A Service that is not known yet is not one that does not exist.
  if (!desired.complete) return absl::OkStatus();
  for (const IpPrefix& cidr : desired.settings.service_cidrs)
    RETURN_IF_ERROR(SetRange(cidr, {0, FL_RANGE_SERVICE}));
  return absl::OkStatus();
}

void Topology::Publish(const DesiredState& desired, const StateChanges& changes, const NodeFacts& facts,
                       Failures& failures) {
  Failures ours;
  if (const absl::Status status = PublishSettings(desired.settings, facts); !status.ok()) {
    Fail(ours, "NodeConfig", desired.settings.node, WrapError(status, "write node settings"));
  }
  if (const absl::Status status = PublishServiceRanges(desired); !status.ok()) {
    Fail(ours, "NodeConfig", desired.settings.node, WrapError(status, "write the Services' ranges"));
  }
  const auto publish = [&](const std::string& name, const RemoteNode& node) {
    auto held = published_.find(name);
    if (held != published_.end() && held->second == node) return;
    const absl::Status status = PublishNode(name, node);
    if (status.ok()) {
      published_[name] = node;
    } else {
      Fail(ours, "Node", name, WrapError(status, absl::StrCat("write node ", name)));
    }
  };
  if (changes.all || !settled_ || !desired.complete) {
    settled_ = false;
    for (const auto& [name, node] : desired.nodes) publish(name, node);
  } else {
    for (const std::string& name : changes.nodes) {
      auto node = desired.nodes.find(name);
      if (node != desired.nodes.end()) publish(name, node->second);
    }
  }
  failed_ = !ours.empty();
  settled_ = settled_ && !failed_;
  Add(failures, ours);
}

absl::Status Topology::PublishNode(const std::string& name, const RemoteNode& node) {
  const std::optional<IpAddress> underlay = UnderlayAddress(node.addresses);
  if (!underlay) return absl::InvalidArgumentError("it has no address; give its Node status.addresses");
  ASSIGN_OR_RETURN(const uint32_t index, NumberNode(name, ToAbi(*underlay)));
  RETURN_IF_ERROR(nodes_.Set(index, {ToAbi(*underlay)}));
  for (const IpAddress& address : node.addresses) {
    RETURN_IF_ERROR(SetLocation(ToAbi(address), {FL_LOCATION_OTHER_NODE, index}));
  }
  for (const IpPrefix& cidr : node.pod_cidrs) RETURN_IF_ERROR(SetRange(cidr, {index, 0}));
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> Topology::NumberNode(const std::string& name, const fl_address& address) {
  if (auto held = node_index_.find(name); held != node_index_.end()) return held->second;
  // A predecessor's number for the same address goes on.
  std::set<uint32_t> named;
  for (const auto& [other, index] : node_index_) named.insert(index);
  for (const auto& [index, node] : nodes_.held()) {
    if (named.contains(index) || BytesOf(node.address) != BytesOf(address)) continue;
    node_index_[name] = index;
    return index;
  }
  const std::optional<uint32_t> index = node_ids_.Take();
  if (!index) return FullError(MapId::kNode, node_ids_.used(), node_ids_.capacity());
  node_index_[name] = *index;
  return *index;
}

void Topology::Retire(const DesiredState& desired, const StateChanges& changes, Failures& failures) {
  if (!desired.complete) return;
  // Nodes come and go seldom: then everything is looked through.
  if (settled_ && !changes.all && !changes.settings && changes.nodes.empty()) return;
  const absl::Status status = RetireAll(desired);
  if (!status.ok()) {
    Fail(failures, "NodeConfig", desired.settings.node, WrapError(status, "remove nodes that are gone"));
  }
  settled_ = status.ok() && !failed_;
}

absl::Status Topology::RetireAll(const DesiredState& desired) {
  std::set<IpAddress> addresses(desired.settings.node_addresses.begin(),
                                desired.settings.node_addresses.end());
  std::set<std::pair<IpAddress, uint32_t>> ranges;
  auto keep = [&](const std::vector<IpPrefix>& cidrs) {
    for (const IpPrefix& cidr : cidrs) ranges.emplace(cidr.address(), cidr.length128());
  };
  keep(desired.settings.pod_cidrs);
  keep(desired.settings.native_cidrs);
  keep(desired.settings.service_cidrs);
  std::set<uint32_t> indexes;
  for (const auto& [name, node] : desired.nodes) {
    addresses.insert(node.addresses.begin(), node.addresses.end());
    keep(node.pod_cidrs);
    if (auto index = node_index_.find(name); index != node_index_.end()) indexes.insert(index->second);
  }

  std::vector<fl_address> old_locations;
  for (const auto& [address, location] : locations_.held()) {
    if (location.kind != FL_LOCATION_LOCAL_POD && !addresses.contains(FromAbi(address))) {
      old_locations.push_back(address);
    }
  }
  std::vector<fl_address_prefix> old_ranges;
  for (const auto& [prefix, range] : ranges_.held()) {
    if (!ranges.contains({FromAbi(prefix.address), prefix.length})) old_ranges.push_back(prefix);
  }
  std::vector<uint32_t> old_nodes;
  for (const auto& [index, node] : nodes_.held()) {
    if (!indexes.contains(index)) old_nodes.push_back(index);
  }
  routes_changed_ |= !old_locations.empty() || !old_ranges.empty() || !old_nodes.empty();
  for (const fl_address& address : old_locations) RETURN_IF_ERROR(locations_.Erase(address));
  for (const fl_address_prefix& prefix : old_ranges) RETURN_IF_ERROR(ranges_.Erase(prefix));
  for (const uint32_t index : old_nodes) {
    RETURN_IF_ERROR(nodes_.Erase(index));
    // Connections that still name it find no node there and look again; see route_epoch.
    node_ids_.Retire(index);
  }
  node_ids_.Reclaim();
  std::erase_if(node_index_, [&](const auto& held) { return !desired.nodes.contains(held.first); });
  std::erase_if(published_, [&](const auto& held) { return !desired.nodes.contains(held.first); });
  return absl::OkStatus();
}

absl::Status Topology::SetLocation(const fl_address& address, const fl_location& location) {
  const fl_location* held = locations_.Find(address);
  if (held != nullptr && BytesOf(*held) == BytesOf(location)) return absl::OkStatus();
  RETURN_IF_ERROR(locations_.Set(address, location));
  routes_changed_ = true;
  return absl::OkStatus();
}

absl::Status Topology::SetRange(const IpPrefix& prefix, const fl_pod_range& range) {
  const fl_address_prefix key = ToAbi(prefix);
  const fl_pod_range* held = ranges_.Find(key);
  if (held != nullptr && BytesOf(*held) == BytesOf(range)) return absl::OkStatus();
  RETURN_IF_ERROR(ranges_.Set(key, range));
  routes_changed_ = true;
  return absl::OkStatus();
}

absl::Status Topology::PlacePod(const IpAddress& address, uint32_t endpoint) {
  return SetLocation(ToAbi(address), {FL_LOCATION_LOCAL_POD, endpoint});
}

absl::Status Topology::ForgetPod(const IpAddress& address, uint32_t endpoint) {
  const fl_address key = ToAbi(address);
  const fl_location* held = locations_.Find(key);
  if (held == nullptr || held->kind != FL_LOCATION_LOCAL_POD || held->index != endpoint) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(locations_.Erase(key));
  routes_changed_ = true;
  return absl::OkStatus();
}

void Topology::ForEachPod(const std::function<void(const fl_address&, uint32_t)>& visit) const {
  for (const auto& [address, location] : locations_.held()) {
    if (location.kind == FL_LOCATION_LOCAL_POD) visit(address, location.index);
  }
}

absl::Status Topology::PublishRouteEpoch() {
  if (!routes_changed_) return absl::OkStatus();
  fl_config config = config_.Get(0);
  ++config.route_epoch;
  RETURN_IF_ERROR(config_.Set(0, config));
  routes_changed_ = false;
  return absl::OkStatus();
}

std::string Topology::NodeName(uint32_t index) const {
  for (const auto& [name, held] : node_index_) {
    if (held == index) return name;
  }
  return "";
}

const fl_pod_range* Topology::RangeOf(const IpAddress& address) const {
  for (int length = kHostLength; length >= 0; --length) {
    const auto bits = static_cast<uint32_t>(length);
    if (const fl_pod_range* range = ranges_.Find({bits, Masked(ToAbi(address), bits)})) return range;
  }
  return nullptr;
}

absl::Status Topology::Verify() {
  RETURN_IF_ERROR(config_.Verify());
  RETURN_IF_ERROR(nodes_.Verify());
  RETURN_IF_ERROR(ranges_.Verify());
  return locations_.Verify();
}

}  // namespace fairlead::datapath
