// What is to be known of a node: whether its agent is there, what the agent says of itself, how many
// addresses it has left. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ip.h"
#include "controller/manifest/objects.h"
#include "controller/server/controller.h"
#include "controller/sync/progress.h"

namespace fairlead::controller {

struct NodeState {
  std::string name;
  std::string uid;  // of the Node
  std::vector<IpPrefix> pod_cidrs;
  size_t pods = 0;  // that have a network of their own
  AgentProgress agent;
};

// Of every node, by name.
std::vector<NodeState> NodeStatesOf(const Controller& controller, const ClusterProgress& progress);

}  // namespace fairlead::controller
