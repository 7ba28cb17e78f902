// A second evaluator of NetworkPolicy, naive and written from the API's text alone. It shares only
// model.h with the compiler; tests compare everything else with it.
#pragma once

#include "policy/model.h"

namespace fairlead::policy {

// A connection attempt as policy sees it: original client, final backend.
struct Attempt {
  IpAddress source;
  IpAddress destination;
  Protocol protocol = Protocol::kTcp;
  uint16_t destination_port = 0;
};

// May `attempt` leave the pod with UID `pod` (kEgress) or enter it (kIngress)?
// Traffic of a pod with itself and of a pod's own node is outside of this question.
bool OracleAllows(const Cluster& cluster, const std::string& pod, Direction direction,
                  const Attempt& attempt);

}  // namespace fairlead::policy
