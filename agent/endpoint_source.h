// The seam between the life cycle of the pods' links and what the rest of the agent makes of them.
// The life cycle knows sandboxes, links and addresses; NodeAgent knows which policy holds for a pod,
// and brings both into the datapath. Everything here happens on the state thread.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/ip.h"
#include "datapath/desired_state.h"

namespace fairlead::agent {

struct PoolUsage {
  IpPrefix cidr;
  uint64_t used = 0, free = 0, cooling = 0;

  bool operator==(const PoolUsage&) const = default;
};

class EndpointSource {
 public:
  virtual ~EndpointSource() = default;

  // Sandboxes whose link is there and whose programs are attached, without policy. `state` of a key
  // is not told here: what is listed is programmed.
  virtual std::vector<datapath::LocalEndpoint> Endpoints() const = 0;
  virtual std::vector<PoolUsage> Pools() const = 0;
  // The node's pod CIDRs, whenever they may have changed.
  virtual void SetPodCidrs(const std::vector<IpPrefix>& cidrs) = 0;
  // After every change that the datapath has taken: who waits for a policy may look again.
  virtual void OnApplied() = 0;
  // Compares what is on record with the links of the kernel and mends; now and then.
  virtual absl::Status Reconcile() = 0;
};

// What the life cycle of the pods may ask.
class EndpointSink {
 public:
  virtual ~EndpointSink() = default;

  // Has the controller (or the state on disk) said which policy holds for this pod?
  virtual bool KnowsPod(const std::string& uid, const std::string& namespace_name,
                        const std::string& name) const = 0;
  // Endpoints() has changed: bring it into the datapath and tell the controller. An error names the
  // endpoint `key`, or is about the datapath as a whole; errors of other endpoints are not reported here.
  virtual absl::Status ApplyEndpoint(const std::string& key) = 0;
  // OK when pods can be wired; else what is missing, with the way out. For CNI STATUS.
  virtual absl::Status Ready() const = 0;
};

}  // namespace fairlead::agent
