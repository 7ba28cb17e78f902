// Pods of this node: maps "endpoint" and "pod_device", their places in "location", and their routes.
//
// A pod's traffic flows from the one write that makes it ready, after everything else is there. A
// pod that is pointed to another set has its connections decided again.
#pragma once

#include <map>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "datapath/desired_state.h"
#include "datapath/failures.h"
#include "datapath/id_pool.h"
#include "datapath/pod_links.h"
#include "datapath/set_table.h"
#include "datapath/state_changes.h"
#include "datapath/topology.h"

namespace fairlead::datapath {

struct HeldEndpoint {
  uint32_t index = 0;
  LocalEndpoint applied;
};

class EndpointTable {
 public:
  EndpointTable(KernelMaps& kernel, WriteStats& stats, Topology& topology, SetTable& sets, PodLinks& links);

  absl::Status Load();
  void Publish(const DesiredState& desired, const StateChanges& changes, Failures& failures);
  void Retire(const DesiredState& desired, const StateChanges& changes, Failures& failures);
  // The endpoint of a device that is gone for good, whoever wrote it; none is fine.
  absl::Status Release(uint32_t ifindex);

  // Sets that pods point to, by number.
  std::set<uint32_t> SetsInUse() const;
  const HeldEndpoint* Find(const std::string& key) const;
  // nullptr: none, or one that a predecessor made.
  const HeldEndpoint* At(uint32_t index) const;
  size_t size() const { return entries_.held().size(); }
  // Pods that point to a set, in either direction.
  uint32_t CountIn(uint32_t set) const;
  fl_endpoint EntryOf(uint32_t index) const { return entries_.Get(index); }
  uint32_t DeviceEndpoint(uint32_t ifindex) const { return devices_.Get(ifindex); }

  // Numbers come back when the connection sweep has passed over everything since.
  void Reclaim();
  absl::Status Verify();

 private:
  absl::Status Put(const LocalEndpoint& endpoint);
  absl::StatusOr<uint32_t> Number(const LocalEndpoint& endpoint);
  absl::StatusOr<uint32_t> SetNumber(const std::string& name) const;
  absl::Status MakeReady(uint32_t index, fl_endpoint entry);
  absl::Status Remove(uint32_t index);
  std::set<uint32_t> Gone(const DesiredState& desired) const;
  // What leads to numbers whose pod is gone: left by a predecessor that ended in the middle.
  absl::Status RemoveStrays();

  KernelMaps& kernel_;
  Topology& topology_;
  SetTable& sets_;
  PodLinks& links_;
  Table<MapId::kEndpoint> entries_;
  Table<MapId::kPodDevice> devices_;
  IdPool indexes_;
  std::map<std::string, HeldEndpoint> held_;  // by key
  std::set<uint32_t> pending_bumps_;          // sets that pods have left
  bool failed_ = false;                       // something, in the last Publish or Retire
  bool settled_ = false;                      // nothing differs but what the next change names
  uint32_t quarantine_since_ = 0;             // SweepPasses when the last number was given back
};

}  // namespace fairlead::datapath
