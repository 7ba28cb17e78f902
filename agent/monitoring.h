// What the agent tells those who watch over it: /metrics (Prometheus), /healthz (the state thread answers)
// and /readyz (the node takes pods; else 503 with what is missing).
#pragma once

#include <string>

#include "agent/node_agent.h"
#include "base/http_server.h"

namespace fairlead::agent {

HttpReply MonitoringPage(const NodeAgent& agent, const std::string& version, const std::string& path);

}  // namespace fairlead::agent
