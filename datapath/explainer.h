// Answers "what becomes of this packet": what the sender's socket is told before there is a packet, then
// where such a packet would meet the datapath: runs the twin of the program that is attached there, and
// puts its trace into words.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datapath/datapath.h"
#include "datapath/device_hooks.h"
#include "datapath/node_wiring.h"
#include "datapath/reconciler.h"
#include "datapath/twin.h"

namespace fairlead::datapath {

class Explainer {
 public:
  Explainer(const BpfObject& object, const Reconciler& state, const DeviceHooks& hooks,
            const NodeWiring& wiring, std::string link_dir)
      : object_(object), state_(state), hooks_(hooks), wiring_(wiring), link_dir_(std::move(link_dir)) {}

  absl::StatusOr<Explanation> Explain(ExplainRequest request);

 private:
  // Where a packet meets the datapath.
  struct Meeting {
    TwinRun run;
    bool ingress = true;  // side of the device
    MacAddress source_mac{}, destination_mac{};
  };

  // What connect() answers where it is asked for a Service; the destination is the backend's.
  absl::StatusOr<std::optional<Explanation>> ExplainSocket(const ExplainRequest& request);
  absl::StatusOr<Explanation> ExplainPacket(ExplainRequest request);
  // The socket level is attached to the node's cgroup.
  bool SocketsAsk(bool v4) const;

  absl::StatusOr<Meeting> MeetingOf(const ExplainRequest& request) const;
  absl::StatusOr<Meeting> MeetingOfNode(const ExplainRequest& request) const;
  absl::StatusOr<Meeting> MeetingFromElsewhere(const ExplainRequest& request) const;
  absl::StatusOr<Meeting> MeetingAtNodeDevice() const;
  // What the node's own processes send where no program judges it, and a pod to itself.
  std::optional<Explanation> Unjudged(const ExplainRequest& request) const;
  absl::Status UseTwinOf(const Meeting& meeting);
  uint16_t FreePort(const ExplainRequest& request) const;

  const BpfObject& object_;
  const Reconciler& state_;
  const DeviceHooks& hooks_;
  const NodeWiring& wiring_;
  std::string link_dir_;  // of the cgroup's links
  std::unique_ptr<Twin> twin_;
  std::map<std::string, uint32_t> twin_maps_;  // name -> id
};

}  // namespace fairlead::datapath
