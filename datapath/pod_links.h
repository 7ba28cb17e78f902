// The seam to the node's routes and neighbours of pods; node_wiring.h is the real one.
#pragma once

#include "absl/status/status.h"
#include "datapath/desired_state.h"

namespace fairlead::datapath {

class PodLinks {
 public:
  virtual ~PodLinks() = default;
  // A route and a permanent neighbour to each of the pod's addresses, over its link.
  virtual absl::Status Connect(const LocalEndpoint& endpoint) = 0;
  // What is gone already is no error.
  virtual absl::Status Disconnect(const LocalEndpoint& endpoint) = 0;
};

}  // namespace fairlead::datapath
