// The node's own network: settings, the VXLAN device, routes to pods here and elsewhere. Everything
// that is changed is in the ledger, or is told by our protocol number, so that it can be undone.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/netlink/link.h"
#include "datapath/desired_state.h"
#include "datapath/failures.h"
#include "datapath/ledger.h"
#include "datapath/pod_links.h"
#include "datapath/route_table.h"
#include "datapath/topology.h"

namespace fairlead::datapath {

inline constexpr char kOverlayDevice[] = "flvxlan";
// Source ports that masquerade and NodePort translation use; kept from local sockets.
inline constexpr uint16_t kFirstSnatPort = 61000;
inline constexpr uint16_t kLastSnatPort = 65535;

class NodeWiring : public PodLinks {
 public:
  // `node_devices`: names; empty: the devices that hold a node address.
  // `link_dir`: folder on a bpffs for links that outlive the process.
  static absl::StatusOr<std::unique_ptr<NodeWiring>> Open(Ledger& ledger, WriteStats& stats,
                                                          std::vector<std::string> node_devices,
                                                          const std::string& link_dir);

  // Settings and devices; what the node has then stands in facts() and devices().
  void Prepare(const NodeSettings& settings, Failures& failures);
  // Routes to other nodes' pods: all looked through when a node changed.
  void RouteToNodes(const DesiredState& desired, const StateChanges& changes, Failures& failures);

  absl::Status Connect(const LocalEndpoint& endpoint) override;
  absl::Status Disconnect(const LocalEndpoint& endpoint) override;
  // FAILED_PRECONDITION naming what the kernel does not have of Connect.
  absl::Status Check(const LocalEndpoint& endpoint);
  absl::Status Verify();

  const NodeFacts& facts() const { return facts_; }
  // The node's own devices, up or not.
  const std::vector<netlink::Link>& devices() const { return devices_; }
  netlink::Socket& socket() { return socket_; }

 private:
  NodeWiring(netlink::Socket socket, Ledger& ledger, WriteStats& stats, std::vector<std::string> node_devices,
             const std::string& link_dir);

  void Publish(const DesiredState& desired, Failures& failures);
  void Retire(const DesiredState& desired, Failures& failures);
  absl::Status FindDevices(const NodeSettings& settings);
  absl::Status SetForwarding();
  absl::Status ReservePorts();
  absl::Status PrepareOverlay(const NodeSettings& settings);
  absl::Status PrepareReassembly();
  absl::Status RemoveOverlay();
  absl::Status RouteToNode(const IpPrefix& cidr, const RemoteNode& node, const NodeSettings& settings);
  std::optional<IpAddress> NodeAddress(bool v4) const;

  netlink::Socket socket_;
  Ledger& ledger_;
  RouteTable routes_;
  std::vector<std::string> device_names_;
  std::string link_dir_;
  std::vector<netlink::Link> devices_;
  NodeSettings prepared_;
  bool is_prepared_ = false;
  bool routed_ = false;                          // nothing differs but what the next change names
  std::map<std::string, RemoteNode> published_;  // nodes that there are routes to
  NodeFacts facts_;
};

}  // namespace fairlead::datapath
