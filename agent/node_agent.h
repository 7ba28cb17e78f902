// The agent's state and what moves it: pushes of the controller and changes of the node's pods become
// one desired state, which the datapath is made to hold; what it refuses is said to the controller, to
// the CNI plugin and in the conditions. Everything on the state thread; no Protobuf, no sockets.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/conditions.h"
#include "agent/endpoint_report.h"
#include "agent/endpoint_source.h"
#include "agent/flow_history.h"
#include "agent/node_state.h"
#include "agent/state_writer.h"
#include "agent/sync_client.h"
#include "base/clock.h"
#include "base/event_loop.h"
#include "datapath/datapath.h"

namespace fairlead::agent {

struct NodeAgentOptions {
  std::string node;
  std::string state_file;  // its folder must exist
  std::chrono::milliseconds verify_interval = std::chrono::seconds(30);
  // Short: an agent that dies in between has to wait for a controller when it starts again.
  std::chrono::milliseconds save_delay = std::chrono::milliseconds(0);
  std::chrono::milliseconds save_interval = std::chrono::milliseconds(200);
};

// The condition that says whether runtimes find the CNI plugin; never noted where that is none of our
// business.
inline constexpr char kCniInstalled[] = "CniInstalled";

class NodeAgent : public SyncHandler, public EndpointSink {
 public:
  // All must outlive it.
  NodeAgent(NodeAgentOptions options, EventLoop* loop, datapath::Datapath* datapath, const Clock* clock);
  ~NodeAgent() override;

  // nullptr: none yet. Both before Start.
  void SetEndpoints(EndpointSource* endpoints) { endpoints_ = endpoints; }
  void SetUpstream(SyncClient* upstream) { upstream_ = upstream; }
  // Takes up the state that is on disk; a damaged file is set aside and named in a condition.
  void LoadState();
  // Brings what is known into the datapath, and from now on verifies and reads events.
  void Start();

  Hello OnConnect() override;
  std::vector<ResourceError> OnPush(Push push) override;
  void OnDisconnect(const absl::Status& status) override;

  bool KnowsPod(const std::string& uid, const std::string& namespace_name,
                const std::string& name) const override;
  absl::Status ApplyEndpoint(const std::string& key) override;
  absl::Status Ready() const override;

  // Records of pods that are damaged in all their files, each with the reason, and how many others came
  // back from the pods' devices.
  void NoteRecords(const std::vector<std::string>& lost, uint64_t rebuilt);
  // How something around this is, as the condition `type`.
  void Note(const std::string& type, const absl::Status& status);
  // OK when the node takes pods: Ready, and runtimes find the plugin. For people and probes.
  absl::Status Serving() const;

  // What the servers show.
  const std::string& node() const { return options_.node; }
  const NodeState& state() const { return state_; }
  const datapath::Datapath& datapath() const { return *datapath_; }
  const Conditions& conditions() const { return conditions_; }
  const std::map<ResourceId, ResourceError>& refused() const { return refused_; }
  std::vector<PoolUsage> Pools() const;
  FlowHistory& flows() { return flows_; }
  const FlowHistory& flows() const { return flows_; }
  bool connected() const { return connected_; }
  // Counts the streams on which a controller has answered.
  uint64_t streams() const { return streams_; }
  uint64_t watermark() const { return watermark_; }
  // When the datapath was last brought to what it should hold, wall clock; 0: not yet.
  int64_t applied_ns() const { return applied_ns_; }
  uint64_t repaired() const { return repaired_; }
  uint64_t pushes_taken() const { return pushes_taken_; }
  uint64_t pushes_refused() const { return pushes_refused_; }

 private:
  // PolicySet of a push -> its policies.
  using PolicyNames = std::map<ResourceId, std::vector<std::string>>;

  std::map<std::string, datapath::LocalEndpoint> CurrentEndpoints() const;
  // Of the failures those that name something in `changed`; the others become a condition.
  absl::StatusOr<std::vector<ResourceError>> Apply(bool verify, const std::vector<ResourceId>& changed);
  std::vector<ResourceError> TakePush(Push push);
  ResourceId IdOf(const datapath::ApplyReport::Failure& failure) const;
  void Verify();
  // What the kernel holds, or may hold from now on: written before anything of it.
  absl::Status MarkKernel(uint64_t watermark);
  // Whether the state that was loaded is the one that the kernel holds.
  void CompareWithKernel();
  void SetHolding(bool holding);
  void NoteConnections();
  void NoteRefusals(std::vector<ResourceError>& errors, const PolicyNames& policies);
  void ShowRefusals();
  std::map<std::string, EndpointReport> CurrentReports() const;
  void ReportEndpoints();
  void ReadEvents();
  void LookForEvents();
  void SaveSoon();
  void Save();

  NodeAgentOptions options_;
  EventLoop* loop_;
  datapath::Datapath* datapath_;
  const Clock* clock_;
  EndpointSource* endpoints_ = nullptr;
  SyncClient* upstream_ = nullptr;
  NodeState state_;
  Conditions conditions_;
  FlowHistory flows_;
  bool complete_ = false;
  bool apply_all_ = true;  // what the datapath holds is not the state before the next change
  bool connected_ = false;
  uint64_t streams_ = 0;
  // What was on disk is not what the kernel holds: an agent has died before it could save. Until a
  // controller has told everything nothing is applied, for it might take something back.
  bool holding_ = false;
  uint64_t watermark_ = 0;
  int64_t applied_ns_ = 0;
  uint64_t repaired_ = 0;
  uint64_t pushes_taken_ = 0;
  uint64_t pushes_refused_ = 0;
  int64_t retried_ns_ = 0;  // when refused resources were asked for again
  std::map<ResourceId, ResourceError> refused_;
  std::map<std::string, std::string> failing_;      // "Endpoint KEY" -> why; last Apply
  std::map<std::string, EndpointReport> reported_;  // by key
  EventLoop::TimerId save_timer_ = 0;
  int64_t saved_ns_ = 0;
  std::string saved_digest_;  // of what is on disk, or on its way there
  std::unique_ptr<StateWriter> writer_;
};

}  // namespace fairlead::agent
