// A Datapath without a kernel, for tests of what is built on one: it remembers what was applied and
// attached, fails where it is told to, and hands out the events that a test has put in.
//
//   FakeDatapath datapath;
//   datapath.refuse["shop/cart set"] = absl::ResourceExhaustedError("row_word is full");
//   datapath.AddEvent({.reason = "forwarded"});
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "datapath/datapath.h"

namespace fairlead::datapath {

class FakeDatapath : public Datapath {
 public:
  FakeDatapath();

  // What was applied last: of what was said to have changed, less the objects in `refuse`, whose
  // previous version stays.
  DesiredState applied;
  StateChanges told;  // of the last Apply
  int applies = 0;
  int verifies = 0;
  std::set<uint32_t> attached;  // ifindexes
  std::string mark;

  // Name of a set, group, Service or node, or key of an endpoint -> why it is refused.
  std::map<std::string, absl::Status> refuse;
  // When not OK: what every Apply, AttachPod and Explain returns.
  absl::Status apply_status, attach_status, explain_status, mark_status;
  Explanation explanation;
  std::vector<Connection> connections;
  // Of ReadConnections: connections visited so far, and by the call that visited the most.
  mutable uint64_t connections_read = 0;
  mutable uint64_t longest_read = 0;

  void AddEvent(const FlowEvent& event);

  using Datapath::Apply;
  absl::StatusOr<ApplyReport> Apply(const DesiredState& desired, const StateChanges& changes,
                                    bool verify) override;
  std::string Mark() const override { return mark; }
  absl::Status SetMark(const std::string& now) override;
  absl::Status AttachPod(uint32_t ifindex) override;
  absl::Status DetachPod(uint32_t ifindex) override;
  absl::Status CheckEndpoint(const std::string& key) const override;
  uint32_t PodMtu() const override { return 1500; }
  uint32_t RemotePodMtu() const override { return 1430; }
  absl::StatusOr<Explanation> Explain(const ExplainRequest& request) const override;
  std::vector<MapUsage> Maps() const override;
  MapUsage ConnectionTable() const override { return {"ct_record", connections.size(), 1000, 22000}; }
  std::vector<AttachedProgram> Programs() const override;
  std::vector<Feature> Features() const override { return {{"tcx", true, "attaching to devices"}}; }
  std::vector<ReasonCount> Drops() const override { return {}; }
  std::vector<SetState> Sets() const override;
  absl::StatusOr<uint32_t> ReadConnections(
      uint32_t place, uint32_t limit, const std::function<void(const Connection&)>& visit) const override;
  int events_fd() const override { return events_fd_.get(); }
  int ReadEvents(int limit, const std::function<void(const FlowEvent&)>& visit) override;

 private:
  UniqueFd events_fd_;  // an eventfd: readable while `events_` is not empty
  std::deque<FlowEvent> events_;
};

}  // namespace fairlead::datapath
