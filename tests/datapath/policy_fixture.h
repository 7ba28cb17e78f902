// The fixture of tests that put packets of compiled policy to the real programs.
#pragma once

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "policy/oracle.h"
#include "tests/datapath/node_pods.h"
#include "tests/datapath/policy_node.h"

namespace fairlead::datapath {

// As in the flow log: "denied by ingress policy".
const char* ReasonName(uint32_t reason);

class PolicyDatapathTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite();

  // Makes the node hold the policy of its pods, those of `nodes`. Any failure is the test's.
  void Apply(const policy::Cluster& cluster, const std::set<std::string>& nodes, bool verify = true);

  // Whether a packet of `attempt` would come by this node, and be judged there: from or to one of its
  // pods, and not from a pod to itself.
  bool ComesBy(const policy::Attempt& attempt) const;

  // The oracle's answer for both ends, as enum fl_reason.
  uint32_t Expected(const policy::Cluster& cluster, const policy::Attempt& attempt) const;

  // A first packet, from a port that was not used lately (last_port_).
  uint32_t Open(const policy::Attempt& attempt);
  uint32_t GoOn(const policy::Attempt& attempt, uint16_t source_port);

  static PolicyNode* node_;  // of the process: its programs take a second to load
  static NodePods* pods_;
  DesiredState desired_;
  uint16_t last_port_ = 1024;
};

}  // namespace fairlead::datapath
