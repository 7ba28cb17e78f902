// fairlead lab list: the labs of this machine, or the pods of one.
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "cli/commands/lab_commands.h"
#include "cli/lab/lab.h"
#include "cli/text/table.h"

namespace fairlead::cli {
namespace {

using nlohmann::json;

absl::StatusOr<int> ListLabs(const Context& context) {
  Table table({"LAB", "STATE", {"NODES", Align::kRight}, {"PODS", Align::kRight}, "ROUTING", "FOLDER"});
  json list = json::array();
  std::vector<std::string> names = lab::LabNames();
  if (!context.lab.empty()) {
    RETURN_IF_ERROR(lab::LoadPlan(context.lab).status());
    names = {context.lab};
  }
  for (const std::string& name : names) {
    const lab::Paths paths(name);
    const bool running = lab::IsRunning(paths);
    const auto plan = lab::LoadPlan(name);
    if (!plan.ok()) {
      table.AddRow({name, {"broken", Tone::kBad}, "", "", "", paths.dir});
      list.push_back({{"name", name}, {"state", "broken"}, {"dir", paths.dir}});
      continue;
    }
    const auto pods = lab::LoadPods(*plan);
    const size_t count = pods.ok() ? pods->pods.size() : 0;
    table.AddRow({name,
                  {running ? "up" : "dead", running ? Tone::kGood : Tone::kBad},
                  absl::StrCat(plan->nodes.size()),
                  absl::StrCat(count),
                  plan->routing,
                  paths.dir});
    list.push_back({{"name", name},
                    {"state", running ? "up" : "dead"},
                    {"nodes", plan->nodes.size()},
                    {"pods", count},
                    {"routing", plan->routing},
                    {"dir", paths.dir}});
  }
  if (context.json()) {
    std::cout << list.dump(2) << "\n";
  } else if (table.empty()) {
    std::cout << "no labs; make one: sudo fairlead lab up -f DIR\n";
  } else {
    std::cout << table.Render(context.style());
  }
  return 0;
}

absl::StatusOr<int> ListPods(const Context& context) {
  ASSIGN_OR_RETURN(const lab::Plan plan, ChosenPlan(context));
  ASSIGN_OR_RETURN(const lab::NodePods pods, lab::LoadPods(plan));
  Table table({"POD",
               "NODE",
               "STATE",
               {"RESTARTS", Align::kRight},
               {"START", Align::kRight},
               "ADDRESSES",
               "MESSAGE"});
  json list = json::array();
  for (const lab::PodStatus& pod : pods.pods) {
    table.AddRow({{pod.full_name(), Tone::kName},
                  pod.node,
                  {pod.phase, pod.phase == "Running" ? Tone::kGood : Tone::kCaution},
                  absl::StrCat(pod.restarts),
                  absl::StrFormat("%.0f ms", pod.start_ms),
                  absl::StrJoin(pod.addresses, ", "),
                  {pod.message, Tone::kFaint}});
    list.push_back({{"namespace", pod.namespace_name},
                    {"name", pod.name},
                    {"node", pod.node},
                    {"owner", pod.owner},
                    {"phase", pod.phase},
                    {"restarts", pod.restarts},
                    {"startMs", pod.start_ms},
                    {"addresses", pod.addresses},
                    {"netns", pod.netns},
                    {"cgroup", pod.cgroup},
                    {"message", pod.message}});
  }
  if (context.json()) {
    std::cout << list.dump(2) << "\n";
  } else {
    std::cout << table.Render(context.style());
  }
  return 0;
}

}  // namespace

void AddLabList(CLI::App& lab, Context& context) {
  auto pods = std::make_shared<bool>(false);
  CLI::App* app = lab.add_subcommand("list", "the labs of this machine, or a lab's pods");
  AddLabName(app, context);
  AddOutputOption(app, context);
  app->add_flag("-p,--pods", *pods, "the pods of a lab, as its kubelet sees them");
  app->footer(
      "With --name or $FAIRLEAD_LAB only that lab.\n\n"
      "Examples:\n  fairlead lab list\n  fairlead lab list --pods");
  OnRun(app, context, [pods, &context] { return *pods ? ListPods(context) : ListLabs(context); });
}

}  // namespace fairlead::cli
