#include "kube/controller_pods.h"

#include "absl/strings/str_cat.h"
#include "kube/api_request.h"
#include "kube/json.h"

namespace fairlead::kube {
namespace {

bool IsEnding(const nlohmann::json& pod) {
  const std::string phase = TextField(pod, {"status", "phase"});
  return FindField(pod, {"metadata", "deletionTimestamp"}) != nullptr || phase == "Succeeded" ||
         phase == "Failed";
}

}  // namespace

std::string ControllerPodsPath(const std::string& namespace_name) {
  return absl::StrCat("/api/v1/namespaces/", UrlEscaped(namespace_name),
                      "/pods?resourceVersion=0&labelSelector=", UrlEscaped(kControllerSelector));
}

std::vector<ControllerPod> ControllerPodsIn(const nlohmann::json& list) {
  std::vector<ControllerPod> pods;
  for (const nlohmann::json& pod : ListField(list, {"items"})) {
    const absl::StatusOr<IpAddress> address = IpAddress::Parse(TextField(pod, {"status", "podIP"}));
    if (!address.ok() || IsEnding(pod)) continue;
    pods.push_back({TextField(pod, {"metadata", "name"}), *address, HasCondition(pod, "Ready")});
  }
  return pods;
}

}  // namespace fairlead::kube
