// Answers "what becomes of this packet": decides where such a packet would meet the datapath, runs
// the twin of the program that is attached there, and puts its trace into words.
#pragma once

#include <map>
#include <memory>
#include <string>

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
            const NodeWiring& wiring)
      : object_(object), state_(state), hooks_(hooks), wiring_(wiring) {}

  absl::StatusOr<Explanation> Explain(ExplainRequest request);

 private:
  // Where a packet meets the datapath.
  struct Meeting {
    TwinRun run;
    bool ingress = true;  // side of the device
    MacAddress source_mac{}, destination_mac{};
  };

  absl::StatusOr<Meeting> MeetingOf(const ExplainRequest& request) const;
  absl::StatusOr<Meeting> MeetingOfNode(const ExplainRequest& request) const;
  absl::StatusOr<Meeting> MeetingFromElsewhere(const ExplainRequest& request) const;
  // What the node's own processes send where no program judges it.
  std::optional<Explanation> Unjudged(const ExplainRequest& request) const;
  absl::Status UseTwinOf(const Meeting& meeting);
  uint16_t FreePort(const ExplainRequest& request) const;

  const BpfObject& object_;
  const Reconciler& state_;
  const DeviceHooks& hooks_;
  const NodeWiring& wiring_;
  std::unique_ptr<Twin> twin_;
  std::map<std::string, uint32_t> twin_maps_;  // name -> id
};

}  // namespace fairlead::datapath
