#include "agent/kubernetes/node_marker.h"

#include <chrono>
#include <optional>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/kubernetes/node_patches.h"
#include "base/status_macros.h"
#include "spdlog/spdlog.h"

namespace fairlead::agent {

using nlohmann::json;

NodeMarker::NodeMarker(Options options, EventLoop* loop, kube::ApiClient* api, Note note)
    : options_(std::move(options)),
      loop_(loop),
      api_(api),
      note_(std::move(note)),
      backoff_(options_.first_delay_ns, options_.max_delay_ns, std::random_device()()),
      pause_(options_.interval_ns, options_.interval_ns, std::random_device()()) {}

std::string NodeMarker::Path() const {
  return absl::StrCat("/api/v1/nodes/", kube::UrlEscaped(options_.node));
}

void NodeMarker::LookIn(int64_t delay_ns) {
  timer_ = loop_->After(std::chrono::nanoseconds(delay_ns), [this] { Look(); });
}

void NodeMarker::Look() {
  timer_ = 0;
  // Out of the API server's memory: the patches fail where that is too old.
  api_->Call({.path = Path() + "?resourceVersion=0"}, [this](const absl::StatusOr<json>& node) {
    if (!node.ok()) return Finish(node.status());
    leaving_ = IsLeaving(*node);
    RemoveTaint(*node);
  });
}

void NodeMarker::RemoveTaint(const json& node) {
  const std::optional<json> patch =
      options_.taint.empty() ? std::nullopt : TaintRemoval(node, options_.taint);
  if (!patch) return SayAvailable(node);
  api_->Call({.method = "PATCH", .path = Path(), .body = *patch, .content_type = kube::kJsonPatch},
             [this](const absl::StatusOr<json>& patched) {
               if (!patched.ok()) return Finish(patched.status());
               spdlog::info("took the taint {} off node {}", options_.taint, options_.node);
               SayAvailable(*patched);
             });
}

void NodeMarker::SayAvailable(const json& node) {
  const std::optional<json> patch = NetworkAvailable(node, absl::Now());
  if (!patch) return Finish(absl::OkStatus());
  api_->Call(
      {.method = "PATCH", .path = Path() + "/status", .body = *patch, .content_type = kube::kStrategicPatch},
      [this](const absl::StatusOr<json>& patched) { Finish(patched.status()); });
}

void NodeMarker::Finish(const absl::Status& status) {
  note_(WrapError(status, absl::StrCat("tell the cluster that node ", options_.node, " takes pods")));
  if (status.ok()) {
    backoff_.Reset();
    LookIn(pause_.NextNs());
  } else {
    LookIn(backoff_.NextNs());
  }
}

}  // namespace fairlead::agent
