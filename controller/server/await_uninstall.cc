#include "controller/server/await_uninstall.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <memory>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/identity_names.h"
#include "base/clock.h"
#include "base/event_loop.h"
#include "base/status_macros.h"
#include "kube/access.h"
#include "kube/api_client.h"
#include "kube/json.h"

namespace fairlead::controller {
namespace {

using nlohmann::json;

constexpr char kName[] = "fairlead-uninstall";
constexpr char kPodSelector[] =
    "app.kubernetes.io%2Fname%3Dfairlead%2Capp.kubernetes.io%2Fcomponent%3Duninstall";
constexpr std::chrono::seconds kLookAgain{1};

struct Command {
  std::vector<std::string> api_servers;
  std::string kubeconfig;
  std::string namespace_name = "kube-system";
  uint32_t timeout_s = 180;
};

// What the controllers made.
struct Made {
  const char* api;
  const char* resource;
  const char* name;
};

uint64_t Number(const json& object, std::initializer_list<const char*> path) {
  const json* value = kube::FindField(object, path);
  return value != nullptr && value->is_number_unsigned() ? value->get<uint64_t>() : 0;
}

// Asks until all nodes are clean or time is up; then takes away what the controllers made in the cluster.
class Wait {
 public:
  Wait(Command command, EventLoop* loop, kube::ApiClient* api)
      : command_(std::move(command)),
        loop_(loop),
        api_(api),
        deadline_ns_(SystemClock().MonotonicNs() + int64_t{command_.timeout_s} * 1'000'000'000) {}

  void Look() {
    api_->Call(
        {.path = absl::StrCat("/apis/apps/v1/namespaces/", command_.namespace_name, "/daemonsets/", kName)},
        [this](absl::StatusOr<json> daemon_set) {
          if (!daemon_set.ok()) return LookAgain(std::string(daemon_set.status().message()));
          LookAtPods(*std::move(daemon_set));
        });
  }

  const absl::Status& result() const { return result_; }

 private:
  void LookAtPods(json daemon_set) {
    api_->Call({.path = absl::StrCat("/api/v1/namespaces/", command_.namespace_name,
                                     "/pods?labelSelector=", kPodSelector)},
               [this, daemon_set = std::move(daemon_set)](absl::StatusOr<json> pods) {
                 if (!pods.ok()) return LookAgain(std::string(pods.status().message()));
                 const UninstallProgress now = ReadUninstallProgress(daemon_set, *pods);
                 if (now.done) {
                   std::cout << "all " << now.nodes << " nodes are clean\n";
                   return Remove({{"/apis/coordination.k8s.io/v1", "leases", "fairlead-controller"},
                                  {"/api/v1", "secrets", kCaObject},
                                  {"/api/v1", "configmaps", kCaObject}});
                 }
                 LookAgain(absl::StrCat(now.clean, " of ", now.nodes, " nodes are clean",
                                        now.late.empty() ? "" : "; ", absl::StrJoin(now.late, "; ")));
               });
  }

  void LookAgain(const std::string& state) {
    if (state != state_) std::cout << state << "\n" << std::flush;
    state_ = state;
    if (SystemClock().MonotonicNs() < deadline_ns_) {
      loop_->After(kLookAgain, [this] { Look(); });
      return;
    }
    End(absl::DeadlineExceededError(absl::StrCat(
        "after ", command_.timeout_s, " s ", state, ". The pods ", kName,
        " stay there and go on trying; when they are ready, or their nodes gone for good: kubectl "
        "--namespace ",
        command_.namespace_name, " delete daemonset,job,role,rolebinding,serviceaccount ", kName)));
  }

  // Objects that the controllers made, one after the other.
  void Remove(std::vector<Made> objects) {
    if (objects.empty()) return End(absl::OkStatus());
    const Made object = objects.back();
    objects.pop_back();
    api_->Call({.method = "DELETE",
                .path = absl::StrCat(object.api, "/namespaces/", command_.namespace_name, "/",
                                     object.resource, "/", object.name)},
               [this, objects, object](const absl::StatusOr<json>& deleted) {
                 if (!deleted.ok() && !absl::IsNotFound(deleted.status())) {
                   return End(WrapError(deleted.status(),
                                        absl::StrCat("delete ", object.resource, " ", object.name)));
                 }
                 Remove(objects);
               });
  }

  void End(absl::Status status) {
    result_ = std::move(status);
    loop_->Stop();
  }

  Command command_;
  EventLoop* loop_;
  kube::ApiClient* api_;
  int64_t deadline_ns_;
  std::string state_;
  absl::Status result_;
};

absl::Status Run(const Command& command) {
  ASSIGN_OR_RETURN(kube::ApiAccess access, kube::OpenAccess(command.kubeconfig, command.api_servers));
  ASSIGN_OR_RETURN(std::unique_ptr<EventLoop> loop, EventLoop::Create());
  ASSIGN_OR_RETURN(std::unique_ptr<kube::ApiClient> api,
                   kube::ApiClient::Start(std::move(access), loop.get()));
  Wait wait(command, loop.get(), api.get());
  wait.Look();
  loop->Run();
  return wait.result();
}

// Why a pod is not ready: what its program said last, or what the kubelet says. Its first container does the
// work.
std::string TroubleOf(const json& pod) {
  for (const json& container : kube::ListField(pod, {"status", "initContainerStatuses"})) {
    for (const char* where : {"state", "lastState"}) {
      std::string said = kube::TextField(container, {where, "terminated", "message"});
      if (!said.empty()) return std::string(absl::StripTrailingAsciiWhitespace(said));
    }
    std::string waits = kube::TextField(container, {"state", "waiting", "reason"});
    if (!waits.empty()) return waits;
    if (kube::FindField(container, {"state", "running"}) != nullptr) return "at work";
  }
  return "its pod does not run; is the node there?";
}

}  // namespace

UninstallProgress ReadUninstallProgress(const json& daemon_set, const json& pods) {
  UninstallProgress progress;
  progress.nodes = Number(daemon_set, {"status", "desiredNumberScheduled"});
  progress.clean = Number(daemon_set, {"status", "numberReady"});
  const bool counted =
      Number(daemon_set, {"status", "observedGeneration"}) >= Number(daemon_set, {"metadata", "generation"});
  progress.done = counted && progress.nodes > 0 && progress.clean >= progress.nodes;
  for (const json& pod : kube::ListField(pods, {"items"})) {
    if (kube::HasCondition(pod, "Ready")) continue;
    progress.late.push_back(absl::StrCat(kube::TextField(pod, {"spec", "nodeName"}), ": ", TroubleOf(pod)));
  }
  std::sort(progress.late.begin(), progress.late.end());
  return progress;
}

int AwaitUninstallMain(int argc, char** argv) {
  Command command;
  CLI::App app("Waits until the pods fairlead-uninstall have taken Fairlead from every node.",
               "fairlead-controller await-uninstall");
  app.add_option("--api-server", command.api_servers, "https://HOST:PORT to use; repeatable")
      ->type_name("URL")
      ->take_all();
  app.add_option("--kubeconfig", command.kubeconfig, "instead of the pod's service account")
      ->type_name("FILE");
  app.add_option("--namespace", command.namespace_name, "of these pods")
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--timeout", command.timeout_s, "seconds to wait")
      ->check(CLI::Range(1, 86400))
      ->capture_default_str();
  app.footer(
      "Exit code 0: every node is clean. Run by a Job of the chart.\n\n"
      "Examples:\n  fairlead-controller await-uninstall --kubeconfig ~/.kube/config --timeout 60");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = Run(command);
  if (status.ok()) return 0;
  std::cerr << "fairlead-controller: " << status.message() << "\n";
  return 1;
}

}  // namespace fairlead::controller
