// On which nodes what an object means is in force: what each node is to hold because of it, against what
// the node's agent has acknowledged. An agent acknowledges what the kernel's maps hold.
#pragma once

#include <string>
#include <vector>

#include "controller/manifest/objects.h"
#include "controller/model/store.h"
#include "controller/sync/hub.h"

namespace fairlead::controller {

struct NodeRealisation {
  enum class State { kRealised, kLate, kRefused, kNotConnected };
  std::string node;
  State state = State::kRealised;
  std::string message;  // what is missing; empty when nothing is
};

// Of a NetworkPolicy: the nodes of pods that it selects, and those of pods of its namespace that are to
// change. Of a Service: every node. Sorted by name.
std::vector<NodeRealisation> RealisationOf(const ObjectKey& object, const Store& store, const Hub& hub);

}  // namespace fairlead::controller
