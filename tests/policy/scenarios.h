// Clusters made by hand, each with flows that a reader of the API's text can check: the recipes that
// people copy, and the corners where implementations have gone wrong. The same table drives the
// oracle, the compiled rules and the eBPF programs.
#pragma once

#include <string>
#include <vector>

#include "policy/model.h"
#include "tests/policy/generator.h"

namespace fairlead::policy::testing {

struct Flow {
  std::string from;  // "namespace/pod", or an address
  std::string to;    // likewise; at least one is a pod
  Protocol protocol = Protocol::kTcp;
  uint16_t port = 0;
  bool allowed = false;  // by the client's egress and the server's ingress together
};

struct Scenario {
  std::string name;  // what the flows show, as a test's name
  Cluster cluster;
  std::vector<Flow> flows;
};

const std::vector<Scenario>& Scenarios();

// The questions that `flow` puts to policy, for each family that both ends have: of the client's
// egress where it is a pod, of the server's ingress likewise. Pods on the host network are asked
// nothing.
struct FlowAttempt {
  Attempt attempt;
  std::vector<Decision> decisions;  // the flow passes when all of them do
};
std::vector<FlowAttempt> AttemptsOf(const Cluster& cluster, const Flow& flow);

}  // namespace fairlead::policy::testing
