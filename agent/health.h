// How an agent is, as the controller is told.
#pragma once

#include <string>
#include <vector>

#include "agent/conditions.h"
#include "agent/endpoint_source.h"

namespace fairlead::agent {

struct AgentHealth {
  bool ready = false;  // the node takes pods
  std::string kernel;
  std::vector<Condition> conditions;
  std::vector<PoolUsage> pools;

  bool operator==(const AgentHealth&) const = default;
};

}  // namespace fairlead::agent
