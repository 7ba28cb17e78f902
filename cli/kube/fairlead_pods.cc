#include "cli/kube/fairlead_pods.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"

namespace fairlead::cli {
namespace {

using nlohmann::json;

// An empty object where there is none.
const json& At(const json& object, const char* key) {
  static const json kNone = json::object();
  return object.is_object() && object.contains(key) ? object[key] : kNone;
}

std::string Text(const json& object, const char* key) {
  const json& value = At(object, key);
  return value.is_string() ? value.get<std::string>() : "";
}

const json& First(const json& list) {
  static const json kNone = json::object();
  return list.is_array() && !list.empty() ? list[0] : kNone;
}

std::string Joined(const std::string& reason, const std::string& message) {
  return message.empty() ? reason : absl::StrCat(reason, ": ", message);
}

std::string TroubleOf(const json& pod) {
  const json& status = At(pod, "status");
  const json& container = First(At(status, "containerStatuses"));
  const json& state = At(container, "state");
  for (const char* kind : {"waiting", "terminated"}) {
    const json& now = At(state, kind);
    if (!now.is_object() || now.empty()) continue;
    // Why the last one ended says more than that the next one waits.
    const std::string before = Text(At(At(container, "lastState"), "terminated"), "message");
    return Joined(Text(now, "reason"), before.empty() ? Text(now, "message") : before);
  }
  if (At(state, "running").empty()) {
    for (const json& condition : At(status, "conditions")) {
      if (Text(condition, "type") == "PodScheduled" && Text(condition, "status") == "False")
        return Joined("not scheduled", Text(condition, "message"));
    }
    return absl::StrCat("its pod is ", Text(status, "phase"));
  }
  const json& ready = At(container, "ready");
  return ready.is_boolean() && !ready.get<bool>() ? "its pod is not ready" : "";
}

}  // namespace

std::vector<FairleadPod> ReadFairleadPods(const json& list) {
  std::vector<std::pair<bool, FairleadPod>> found;  // whether it ends
  for (const json& pod : At(list, "items")) {
    const json& metadata = At(pod, "metadata");
    const json& spec = At(pod, "spec");
    const json& container = First(At(At(pod, "status"), "containerStatuses"));
    FairleadPod entry{.component = Text(At(metadata, "labels"), "app.kubernetes.io/component"),
                      .namespace_name = Text(metadata, "namespace"),
                      .name = Text(metadata, "name"),
                      .node = Text(spec, "nodeName"),
                      .image = Text(First(At(spec, "containers")), "image"),
                      .running = !At(At(container, "state"), "running").empty(),
                      .trouble = TroubleOf(pod)};
    found.emplace_back(At(metadata, "deletionTimestamp").is_string(), std::move(entry));
  }
  std::vector<FairleadPod> pods;
  for (const auto& [ending, pod] : found) {
    const bool replaced =
        ending && std::any_of(found.begin(), found.end(), [&pod](const auto& other) {
          return !other.first && other.second.component == pod.component && other.second.node == pod.node;
        });
    if (!replaced) pods.push_back(pod);
  }
  std::sort(pods.begin(), pods.end(), [](const FairleadPod& a, const FairleadPod& b) {
    return std::tie(a.component, a.node, a.name) < std::tie(b.component, b.node, b.name);
  });
  return pods;
}

}  // namespace fairlead::cli
