// The Datapath on a real kernel: owns the loaded programs, the maps, the hooks and the wiring, and
// lets each do its part in order. Decides nothing itself.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "datapath/bpf_object.h"
#include "datapath/datapath.h"
#include "datapath/device_hooks.h"
#include "datapath/event_reader.h"
#include "datapath/explainer.h"
#include "datapath/ledger.h"
#include "datapath/libbpf_maps.h"
#include "datapath/node_sockets.h"
#include "datapath/node_wiring.h"
#include "datapath/reconciler.h"
#include "datapath/state_mark.h"

namespace fairlead::datapath {

// A pod may hold this part of the connection table: 1/N.
inline constexpr uint32_t kEndpointShare = 4;

class KernelDatapath : public Datapath {
 public:
  static absl::StatusOr<std::unique_ptr<Datapath>> Open(const Options& options);
  ~KernelDatapath() override;

  using Datapath::Apply;
  absl::StatusOr<ApplyReport> Apply(const DesiredState& desired, const StateChanges& changes,
                                    bool verify) override;
  std::string Mark() const override { return mark_->Read(); }
  absl::Status SetMark(const std::string& mark) override { return mark_->Write(mark); }
  absl::Status AttachPod(uint32_t ifindex) override;
  absl::Status DetachPod(uint32_t ifindex) override;
  absl::Status CheckEndpoint(const std::string& key) const override;
  uint32_t PodMtu() const override;
  uint32_t RemotePodMtu() const override;
  absl::StatusOr<Explanation> Explain(const ExplainRequest& request) const override;
  std::vector<MapUsage> Maps() const override;
  MapUsage ConnectionTable() const override;
  std::vector<AttachedProgram> Programs() const override;
  std::vector<Feature> Features() const override;
  std::vector<ReasonCount> Drops() const override;
  std::vector<SetState> Sets() const override;
  absl::StatusOr<uint32_t> ReadConnections(
      uint32_t place, uint32_t limit, const std::function<void(const Connection&)>& visit) const override;
  int events_fd() const override;
  int ReadEvents(int limit, const std::function<void(const FlowEvent&)>& visit) override;

 private:
  KernelDatapath(const Options& options, UniqueFd lock) : options_(options), lock_(std::move(lock)) {}

  absl::Status Start();
  // What was not in force already is counted in `changed`.
  absl::Status PublishStages(uint64_t& changed);
  absl::Status AttachSockets(uint64_t& changed);
  absl::Status ArmSweep();
  // Our programs instead of a predecessor's.
  absl::Status PutInForce();
  absl::Status AttachNode(const DesiredState& desired);
  std::string LinkDir() const { return options_.pin_dir + "/links"; }

  Options options_;
  UniqueFd lock_;
  WriteStats stats_;
  std::unique_ptr<BpfObject> object_;
  std::unique_ptr<LibbpfMaps> maps_;
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<StateMark> mark_;
  std::unique_ptr<NodeWiring> wiring_;
  std::unique_ptr<Reconciler> reconciler_;
  std::unique_ptr<DeviceHooks> hooks_;
  std::unique_ptr<EventReader> events_;
  std::unique_ptr<Explainer> explainer_;
  std::unique_ptr<NodeSockets> node_sockets_;
  bool in_force_ = false;  // PutInForce has been done
};

}  // namespace fairlead::datapath
