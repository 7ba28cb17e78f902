// The controller's replicas, as the API server lists their pods. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/ip.h"

namespace fairlead::kube {

// Labels that the chart gives to the controller's pods and to nobody else's.
inline constexpr char kControllerSelector[] =
    "app.kubernetes.io/name=fairlead,app.kubernetes.io/component=controller";

struct ControllerPod {
  std::string name;
  IpAddress address;
  bool ready = false;
};

// What to ask for, in a namespace; any version will do, so that the API server need not ask its store.
std::string ControllerPodsPath(const std::string& namespace_name);

// Of a PodList: those that have an address and are not on their way out.
std::vector<ControllerPod> ControllerPodsIn(const nlohmann::json& list);

}  // namespace fairlead::kube
