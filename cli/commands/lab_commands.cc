#include "cli/commands/lab_commands.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "cli/lab/kubelet.h"
#include "cli/lab/lab.h"
#include "cli/rpc/introspect_client.h"

namespace fairlead::cli {

void AddLabName(CLI::App* app, Context& context) {
  app->add_option("--name,--lab", context.lab,
                  "which lab (default: $FAIRLEAD_LAB); needed only when there are several");
}

absl::StatusOr<std::string> ChooseLab(const Context& context) {
  if (!context.lab.empty()) return context.lab;
  const std::vector<std::string> names = lab::LabNames();
  if (names.size() == 1) return names[0];
  if (names.empty()) {
    return absl::NotFoundError("there is no lab; make one: sudo fairlead lab up -f DIR");
  }
  return absl::InvalidArgumentError(
      absl::StrCat("there are several labs; say which with --name: ", absl::StrJoin(names, ", ")));
}

absl::StatusOr<lab::Plan> ChosenPlan(const Context& context) {
  ASSIGN_OR_RETURN(const std::string name, ChooseLab(context));
  return lab::LoadPlan(name);
}

absl::Status CheckRoot(const std::string& what) {
  if (::geteuid() == 0) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat(what, " needs root; run it with sudo"));
}

namespace {

struct Settled {
  bool done = false;
  std::string waiting_for;  // when not done
};

Settled LookWhetherSettled(const lab::Plan& plan) {
  const lab::Paths paths(plan.name);
  const auto status = IntrospectClient("unix:" + paths.controller_socket()).Status();
  if (!status.ok()) return {.waiting_for = "the controller"};
  if (!status->settled()) return {.waiting_for = "the controller to take the manifests in"};
  size_t connected = 0;
  for (const auto& agent : status->agents()) {
    if (!agent.connected()) continue;
    ++connected;
    // Also one that refuses something: it is told the rest all the same.
    if (agent.acked_watermark() < status->watermark()) {
      return {.waiting_for = absl::StrCat("the agent of ", agent.node())};
    }
  }
  if (connected < plan.nodes.size()) {
    return {.waiting_for = absl::StrCat("agents: ", connected, " of ", plan.nodes.size(), " connected")};
  }
  const auto pods = lab::LoadPods(plan);
  if (!pods.ok() || pods->watermark < status->watermark()) return {.waiting_for = "the pods"};
  size_t running = 0;
  std::string why;
  for (const lab::PodStatus& pod : pods->pods) {
    running += pod.phase == "Running";
    if (pod.phase != "Running") why = absl::StrCat("; ", pod.full_name(), ": ", pod.phase, " ", pod.message);
  }
  if (running < pods->pods.size()) {
    return {.waiting_for = absl::StrCat("pods: ", running, " of ", pods->pods.size(), " running", why)};
  }
  return {.done = true};
}

}  // namespace

absl::Status WaitUntilSettled(const lab::Plan& plan, double timeout_s,
                              const std::function<void(const std::string&)>& tell) {
  const int64_t deadline_ns = SystemClock().MonotonicNs() + static_cast<int64_t>(timeout_s * 1e9);
  while (true) {
    const Settled settled = LookWhetherSettled(plan);
    if (settled.done) return absl::OkStatus();
    tell(settled.waiting_for);
    RETURN_IF_ERROR(lab::CheckRunning(plan.name));
    if (SystemClock().MonotonicNs() > deadline_ns) {
      return absl::DeadlineExceededError(absl::StrCat("after ", timeout_s, " s still waiting for ",
                                                      settled.waiting_for, "; see: fairlead lab logs --name ",
                                                      plan.name));
    }
    ::poll(nullptr, 0, 5);
  }
}

std::vector<Refused> ListRefused(const lab::Plan& plan) {
  const auto status = IntrospectClient("unix:" + lab::Paths(plan.name).controller_socket()).Status();
  if (!status.ok()) return {};
  std::vector<Refused> refused;
  for (const auto& object : status->rejected()) {
    refused.push_back({object.object(), object.where(), object.message()});
  }
  for (const auto& agent : status->agents()) {
    for (const auto& error : agent.errors())
      refused.push_back({error.name(), "", absl::StrCat(agent.node(), ": ", error.message())});
  }
  return refused;
}

constexpr size_t kMostRefused = 50;

std::vector<Refused> RefusedBecauseOf(const std::set<std::string>& files, const std::vector<Refused>& before,
                                      const std::vector<Refused>& now) {
  std::vector<Refused> ours;
  std::copy_if(now.begin(), now.end(), std::back_inserter(ours), [&](const Refused& object) {
    return object.where.empty() || files.contains(lab::ManifestStore::FileOf(object.where)) ||
           std::find(before.begin(), before.end(), object) == before.end();
  });
  return ours;
}

void PrintRefused(const lab::Plan& plan, const std::vector<Refused>& refused, const Context& context) {
  const Style style = context.error_style();
  const lab::ManifestStore store{lab::Paths(plan.name)};
  size_t printed = 0;
  for (const Refused& object : refused) {
    if (++printed > kMostRefused) {
      std::cerr << "and " << refused.size() - kMostRefused << " more; see: fairlead --lab " << plan.name
                << " status\n";
      break;
    }
    std::cerr << style.Paint(Tone::kBad, "refused") << " " << object.object
              << (object.where.empty() ? "" : absl::StrCat(" (", store.SourceOf(object.where), ")")) << ": "
              << object.message << "\n";
  }
}

void AddLabKubelet(CLI::App& lab, Context& context) {
  CLI::App* app = lab.add_subcommand("kubelet", "the lab's background process; started by lab up")->group("");
  AddLabName(app, context);
  OnRun(app, context, [&context]() -> absl::StatusOr<int> {
    RETURN_IF_ERROR(lab::RunKubelet(context.lab));
    return 0;
  });
}

void AddLabCommands(CLI::App& app, Context& context) {
  CLI::App* lab = app.add_subcommand("lab", "nodes and pods on this machine, from ordinary manifests");
  lab->require_subcommand(1);
  lab->footer(
      "A lab is a cluster of network namespaces: every node runs the real agent, every pod is wired by the\n"
      "real CNI plugin and runs its container's command from this machine's file system, or fairlead-probe\n"
      "when it names only an image.\n\n"
      "Examples:\n"
      "  sudo fairlead lab up -f demo/shop --nodes 2\n"
      "  sudo fairlead lab matrix\n"
      "  sudo fairlead lab exec shop/frontend-0 -- fairlead-probe connect cart.shop:80\n"
      "  sudo fairlead lab apply -f policies.yaml\n"
      "  sudo fairlead lab down");
  AddLabUp(*lab, context);
  AddLabDown(*lab, context);
  AddLabList(*lab, context);
  AddLabExec(*lab, context);
  AddLabApply(*lab, context);
  AddLabDelete(*lab, context);
  AddLabMatrix(*lab, context);
  AddLabLogs(*lab, context);
  AddLabKill(*lab, context);
  AddLabKubelet(*lab, context);
}

}  // namespace fairlead::cli
