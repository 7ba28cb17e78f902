// Takes back everything that an agent has made on its node, for `helm uninstall`: pods lose their network.
#pragma once

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "agent/node/cni_installation.h"
#include "datapath/datapath.h"

namespace fairlead::agent {

struct UninstallOptions {
  CniOptions cni;
  std::string state_dir, run_dir;
  datapath::Options datapath;
  std::chrono::seconds patience{60};  // for an agent that is about to end
};

// The CNI configuration first, so that no pod comes any more; then programs, maps, routes, sysctls and
// devices of the datapath; pods' links; records; the plugin. Goes on after an error, and returns the first;
// doing it again does the rest. ALREADY_EXISTS, with nothing done: an agent still runs.
absl::Status Uninstall(const UninstallOptions& options);

// OK when there is nothing left of it; FAILED_PRECONDITION naming what is.
absl::Status CheckUninstalled(const UninstallOptions& options);

}  // namespace fairlead::agent
