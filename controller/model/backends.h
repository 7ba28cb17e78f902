// A Service and the pods there are -> where its traffic goes. Pure.
#pragma once

#include <vector>

#include "controller/model/cluster.h"
#include "controller/model/resource.h"

namespace fairlead::controller {

// A pod with the addresses it has now. A pod without any is not ready.
struct LivePod {
  const ClusterPod* pod = nullptr;
  std::vector<IpAddress> addresses;
};

// Does a Service's selector select a pod with these labels? (An empty one selects none.)
bool Selects(const policy::Labels& selector, const policy::Labels& labels);

// `slices`: the Service's. `pods`: at least those of its namespace that it selects.
Service ServiceWithBackends(const ClusterService& service, const EndpointSlices& slices,
                            const std::vector<LivePod>& pods);

}  // namespace fairlead::controller
