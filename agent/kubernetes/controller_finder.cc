#include "agent/kubernetes/controller_finder.h"

#include <chrono>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/files.h"
#include "agent/kubernetes/controller_list.h"
#include "base/clock.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "kube/controller_pods.h"
#include "spdlog/spdlog.h"

namespace fairlead::agent {

ControllerFinder::ControllerFinder(Options options, EventLoop* loop, kube::ApiClient* api, Found found,
                                   Note note)
    : options_(std::move(options)),
      loop_(loop),
      api_(api),
      found_(std::move(found)),
      note_(std::move(note)),
      backoff_(options_.first_delay_ns, options_.max_delay_ns, std::random_device()()),
      refresh_(options_.refresh_delay_ns, options_.refresh_delay_ns, std::random_device()()) {}

void ControllerFinder::Start() {
  const absl::StatusOr<std::string> cached = ReadFile(options_.cache_file);
  if (cached.ok()) controllers_ = ParseControllers(*cached);
  if (!controllers_.empty()) found_(controllers_);
  Look();
}

void ControllerFinder::LookAgain(bool all) {
  if (looking_) return;
  const int64_t now_ns = SystemClock().MonotonicNs();
  if (!all) {
    if (timer_ == 0) LookIn(refresh_.NextNs());
    return;
  }
  // A quiet time has passed since the last loss: this is a new one.
  if (now_ns - looked_ns_ > 2 * options_.max_delay_ns) backoff_.Reset();
  const int64_t delay_ns = backoff_.NextNs();
  if (timer_ == 0 || now_ns + delay_ns < due_ns_) LookIn(delay_ns);
}

void ControllerFinder::LookIn(int64_t delay_ns) {
  loop_->Cancel(timer_);
  due_ns_ = SystemClock().MonotonicNs() + delay_ns;
  timer_ = loop_->At(due_ns_, [this] {
    timer_ = 0;
    Look();
  });
}

void ControllerFinder::Look() {
  looking_ = true;
  looked_ns_ = SystemClock().MonotonicNs();
  api_->Call({.path = kube::ControllerPodsPath(options_.namespace_name)},
             [this](const absl::StatusOr<nlohmann::json>& list) { Take(list); });
}

void ControllerFinder::Take(const absl::StatusOr<nlohmann::json>& list) {
  looking_ = false;
  std::vector<std::string> controllers;
  absl::Status status = list.status();
  if (list.ok()) {
    controllers = ControllersIn(*list, options_.port, options_.node);
    if (controllers.empty()) {
      status = absl::NotFoundError(absl::StrCat(
          "there is no pod with the labels ", kube::kControllerSelector, " in namespace ",
          options_.namespace_name, " that has an address: is the controller's Deployment there?"));
    }
  }
  if (!status.ok()) {
    note_(WrapError(status, controllers_.empty() ? "find the controllers"
                                                 : absl::StrCat("find the controllers (still trying ",
                                                                absl::StrJoin(controllers_, ", "), ")")));
    return LookIn(backoff_.NextNs());
  }
  note_(absl::OkStatus());
  if (controllers == controllers_) return;
  controllers_ = std::move(controllers);
  spdlog::info("the controllers are at {}", absl::StrJoin(controllers_, ", "));
  const absl::Status kept =
      ReplaceOwnFile(options_.cache_file, absl::StrJoin(controllers_, "\n"), Durability::kMedium);
  if (!kept.ok()) spdlog::warn("{}; the next start asks the API server", std::string(kept.message()));
  found_(controllers_);
}

}  // namespace fairlead::agent
