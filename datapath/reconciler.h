// Makes the kernel's maps hold a desired state: what is new first and whole, then what points to it,
// and only then, when everything is known, what is no longer wanted.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "datapath/datapath.h"
#include "datapath/endpoint_table.h"
#include "datapath/policy_tables.h"
#include "datapath/service_table.h"
#include "datapath/topology.h"

namespace fairlead::datapath {

class Reconciler {
 public:
  // `first_epoch`: sets of which the kernel holds nothing yet count from there.
  Reconciler(KernelMaps& kernel, WriteStats& stats, PodLinks& links, uint32_t first_epoch = 0);

  // Adopts what a predecessor wrote.
  absl::Status Load();
  // Looks at `changes` only, and at what had failed before. With `verify` everything is compared, and
  // every map is also read back, mended, and freed of what only grace periods kept.
  void Apply(const DesiredState& desired, const StateChanges& changes, const NodeFacts& facts, bool verify,
             Failures& failures);

  // A pod's link is gone: what the maps hold for it goes, too, whatever the sources have not told yet.
  absl::Status Release(uint32_t ifindex) { return endpoints_.Release(ifindex); }

  // Entries in use of the maps that are arrays, where every entry exists; by the map's name.
  std::map<std::string, uint64_t> ArraysInUse() const;

  const Topology& topology() const { return topology_; }
  const PolicyTables& policy() const { return policy_; }
  const EndpointTable& endpoints() const { return endpoints_; }
  const ServiceTable& services() const { return services_; }

 private:
  void Publish(const DesiredState& desired, const StateChanges& changes, const NodeFacts& facts,
               Failures& failures);
  bool HasGarbage() const { return policy_.HasGarbage() || services_.HasGarbage(); }
  absl::Status Reclaim();
  absl::Status Verify();

  KernelMaps& kernel_;
  NameTable names_;
  Topology topology_;
  PolicyTables policy_;
  EndpointTable endpoints_;
  ServiceTable services_;
  bool was_complete_ = false;
};

}  // namespace fairlead::datapath
