// `fairlead-controller await-uninstall`: what helm uninstall waits for. A pod on each node takes Fairlead
// away and is ready after that; this says whether all are, which are not, and why.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace fairlead::controller {

struct UninstallProgress {
  bool done = false;
  uint64_t nodes = 0, clean = 0;
  std::vector<std::string> late;  // "node-3: device flvxlan", sorted
};

// From the DaemonSet and the list of its pods, as the API server has them. Pure.
UninstallProgress ReadUninstallProgress(const nlohmann::json& daemon_set, const nlohmann::json& pods);

// The command; its arguments begin with "await-uninstall".
int AwaitUninstallMain(int argc, char** argv);

}  // namespace fairlead::controller
