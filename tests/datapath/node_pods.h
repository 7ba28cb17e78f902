// The pods of one node out of a random or hand-written cluster, as the agent would have them: which of
// them live here, behind which device, and the desired state that follows.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "datapath/desired_state.h"
#include "policy/compiled.h"
#include "policy/model.h"

namespace fairlead::datapath {

struct PodDevice {
  uint32_t ifindex = 0;
  MacAddress mac{};
  MacAddress host_mac{};
};

class NodePods {
 public:
  explicit NodePods(std::vector<PodDevice> devices);

  // Pods of `nodes` are taken to live here, with what they need of `compiled` (SpanOf). Left out are
  // those without a sandbox that could send (no address, ended) and those whose address another pod
  // here has. A pod that changed its addresses is a new sandbox.
  DesiredState Desired(const policy::Cluster& cluster, const policy::CompiledPolicy& compiled,
                       const std::set<std::string>& nodes);

 private:
  struct Sandbox {
    size_t device = 0;
    uint32_t generation = 0;
  };

  std::vector<PodDevice> devices_;
  std::map<std::string, Sandbox> sandboxes_;  // by endpoint key
  uint32_t generations_ = 0;
};

// The endpoint of `desired` with this address; null: it is not of this node.
const LocalEndpoint* EndpointAt(const DesiredState& desired, const IpAddress& address);

}  // namespace fairlead::datapath
