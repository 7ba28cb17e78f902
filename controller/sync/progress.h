// How far agents are with what their nodes are to hold, and what they say of themselves.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ip.h"
#include "controller/sync/session.h"

namespace fairlead::controller {

struct AgentCondition {
  std::string type;  // "DatapathReady"
  bool ok = false;
  std::string message;   // of a bad one: what is wrong and the way out
  int64_t since_ns = 0;  // wall clock of the node

  bool operator==(const AgentCondition&) const = default;
};

// The addresses that a node has for its pods.
struct AddressPool {
  IpPrefix cidr;
  uint64_t used = 0, free = 0, cooling = 0;

  bool operator==(const AddressPool&) const = default;
};

// api/control.proto has the same.
struct AgentHealth {
  bool ready = false;
  std::string kernel;
  std::vector<AgentCondition> conditions;
  std::vector<AddressPool> pools;

  bool operator==(const AgentHealth&) const = default;
};

// Of one agent.
struct AgentProgress {
  bool connected = false;
  bool told = false;  // once everything; before that `outstanding` is not all
  std::set<ResourceId> outstanding;
  std::vector<ResourceError> refused;
  std::string version;                // of the agent, for people
  std::optional<AgentHealth> health;  // nothing: it has not said yet
};

// By node. A node that is not there has no agent that is connected.
using ClusterProgress = std::map<std::string, AgentProgress>;

}  // namespace fairlead::controller
