#include "agent/kubernetes/node_patches.h"

#include <algorithm>

#include "kube/json.h"

namespace fairlead::agent {

using kube::TextField;
using nlohmann::json;

std::optional<json> TaintRemoval(const json& node, const std::string& key) {
  const json& taints = kube::ListField(node, {"spec", "taints"});
  json rest = json::array();
  for (const json& taint : taints) {
    if (TextField(taint, {"key"}) != key) rest.push_back(taint);
  }
  if (rest.size() == taints.size()) return std::nullopt;
  json patch = {{{"op", "test"}, {"path", "/spec/taints"}, {"value", taints}}};
  if (rest.empty()) {
    patch.push_back({{"op", "remove"}, {"path", "/spec/taints"}});
  } else {
    patch.push_back({{"op", "replace"}, {"path", "/spec/taints"}, {"value", rest}});
  }
  return patch;
}

std::optional<json> NetworkAvailable(const json& node, absl::Time now) {
  const json& conditions = kube::ListField(node, {"status", "conditions"});
  const bool is_said = std::any_of(conditions.begin(), conditions.end(), [](const json& condition) {
    return TextField(condition, {"type"}) == "NetworkUnavailable" &&
           TextField(condition, {"status"}) == "False";
  });
  if (is_said) return std::nullopt;
  const std::string time = absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", now, absl::UTCTimeZone());
  const json condition = {{"type", "NetworkUnavailable"}, {"status", "False"},
                          {"reason", "FairleadReady"},    {"message", "Fairlead wires pods on this node"},
                          {"lastTransitionTime", time},   {"lastHeartbeatTime", time}};
  return json{{"status", {{"conditions", {condition}}}}};
}

bool IsLeaving(const json& node) {
  const json& taints = kube::ListField(node, {"spec", "taints"});
  return kube::FindField(node, {"metadata", "deletionTimestamp"}) != nullptr ||
         std::any_of(taints.begin(), taints.end(), [](const json& taint) {
           return TextField(taint, {"key"}) == "ToBeDeletedByClusterAutoscaler";
         });
}

}  // namespace fairlead::agent
