// Fairlead's own pods in a cluster, as "kubectl get pods -o json" lists them. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace fairlead::cli {

struct FairleadPod {
  std::string component;  // "agent", "controller"
  std::string namespace_name, name, node, image;
  bool running = false;  // its container can be asked
  std::string trouble;   // "", or why it is not running or not ready: "CrashLoopBackOff: ..."
};

// What selects them.
inline constexpr char kFairleadSelector[] =
    "app.kubernetes.io/name=fairlead,app.kubernetes.io/component in (agent,controller)";

// Sorted by component, node and name. Pods that end are left out where another one has their node.
std::vector<FairleadPod> ReadFairleadPods(const nlohmann::json& list);

}  // namespace fairlead::cli
