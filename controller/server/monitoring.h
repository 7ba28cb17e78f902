// What the controller tells probes and Prometheus over HTTP: /healthz, /readyz, /metrics. Pure.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "base/http_server.h"
#include "controller/identity/cluster_identity.h"
#include "controller/server/controller.h"
#include "controller/server/replica_duties.h"

namespace fairlead::controller {

struct Monitored {
  const Controller* controller = nullptr;
  const ClusterIdentity* identity = nullptr;  // none: certificates are files
  const ReplicaDuties* duties = nullptr;      // none: there is no API server
  bool serving = false;                       // agents find somebody here
};

// /readyz is well as long as agents are served, also while the API server is away: what was read stays in
// force, and its text says what is not as it should be.
HttpReply MonitoringPage(const Monitored& monitored, const std::string& path, absl::Time now);

}  // namespace fairlead::controller
