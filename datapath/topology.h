// The node and where every address of the cluster lives: maps "config", "node", "location" and
// "pod_range".
//
// Connections remember where their ends live. After a change of these maps the config's route epoch
// is counted up, so that they look again.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "datapath/abi_convert.h"
#include "datapath/desired_state.h"
#include "datapath/failures.h"
#include "datapath/id_pool.h"
#include "datapath/state_changes.h"
#include "datapath/table.h"

namespace fairlead::datapath {

// What the node's devices say; found by node_wiring.h.
struct NodeFacts {
  uint32_t overlay_ifindex = 0;
  MacAddress overlay_mac{};
  uint32_t underlay_mtu = 1500;
  uint32_t overlay_overhead = 0;  // bytes that the tunnel adds to an inner IP packet
  uint16_t snat_port_first = 0;
  uint16_t snat_port_last = 0;
  uint32_t endpoint_quota = 0;
  uint32_t reassembly_ifindex = 0;
  uint64_t netns_cookie = 0;  // of the node's network namespace
};

// The config entry but for its route epoch. Pure.
fl_config BuildConfig(const NodeSettings& settings, const NodeFacts& facts);
// The tunnel's end of a node: its first IPv4 address, else its first.
std::optional<IpAddress> UnderlayAddress(const std::vector<IpAddress>& addresses);

class Topology {
 public:
  Topology(KernelMaps& kernel, WriteStats& stats);

  absl::Status Load();
  // Config, nodes, ranges and the nodes' own addresses.
  void Publish(const DesiredState& desired, const StateChanges& changes, const NodeFacts& facts,
               Failures& failures);
  // What is no longer wanted; once everything is known.
  void Retire(const DesiredState& desired, const StateChanges& changes, Failures& failures);

  // Pods of this node.
  absl::Status PlacePod(const IpAddress& address, uint32_t endpoint);
  // Only while the address is still that endpoint's.
  absl::Status ForgetPod(const IpAddress& address, uint32_t endpoint);
  void ForEachPod(const std::function<void(const fl_address&, uint32_t endpoint)>& visit) const;
  // Call after a batch of changes.
  absl::Status PublishRouteEpoch();
  uint32_t nodes_used() const { return node_ids_.used(); }

  // "" when there is none.
  std::string NodeName(uint32_t index) const;
  // The longest range that contains the address; nullptr: none.
  const fl_pod_range* RangeOf(const IpAddress& address) const;
  fl_node NodeAt(uint32_t index) const { return nodes_.Get(index); }
  const fl_location* LocationOf(const IpAddress& address) const { return locations_.Find(ToAbi(address)); }
  absl::Status Verify();

 private:
  absl::Status PublishSettings(const NodeSettings& settings, const NodeFacts& facts);
  absl::Status PublishServiceRanges(const DesiredState& desired);
  absl::Status PublishNode(const std::string& name, const RemoteNode& node);
  absl::StatusOr<uint32_t> NumberNode(const std::string& name, const fl_address& address);
  absl::Status SetLocation(const fl_address& address, const fl_location& location);
  absl::Status SetRange(const IpPrefix& prefix, const fl_pod_range& range);
  absl::Status RetireAll(const DesiredState& desired);

  Table<MapId::kConfig> config_;
  Table<MapId::kNode> nodes_;
  Table<MapId::kLocation> locations_;
  Table<MapId::kPodRange> ranges_;
  IdPool node_ids_;
  std::map<std::string, uint32_t> node_index_;
  std::map<std::string, RemoteNode> published_;
  bool routes_changed_ = false;
  bool failed_ = false;   // something, in the last Publish or Retire
  bool settled_ = false;  // nothing differs but what the next change names
};

}  // namespace fairlead::datapath
