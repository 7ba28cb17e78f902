// The agent's state as Prometheus metrics. Names are in the table of metrics.cc.
#pragma once

#include <string>

#include "agent/node_agent.h"

namespace fairlead::agent {

// In the text format of Prometheus. On the state thread.
std::string MetricsText(const NodeAgent& agent, const std::string& version);

}  // namespace fairlead::agent
