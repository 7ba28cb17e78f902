// fairlead lab up: ground, manifests, background process; then waits until everything runs.

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "cli/commands/lab_commands.h"
#include "cli/lab/components.h"
#include "cli/lab/files.h"
#include "cli/lab/lab.h"
#include "cli/lab/lab_lock.h"
#include "cli/lab/node_manifest.h"

namespace fairlead::cli {
namespace {

struct UpOptions {
  std::vector<std::string> files;
  bool recursive = false;
  int nodes = 0;  // 0: those of the manifests, or 2
  std::string name = "lab";
  std::string routing = "direct";
  bool ipv4_only = false;
  bool ipv6_only = false;
  bool no_masquerade = false;
  bool no_socket_balancing = false;
  bool no_wait = false;
  double timeout_s = 60;
};

// A line a step, with how long it took.
class Progress {
 public:
  explicit Progress(const Style& style)
      : style_(style), begin_ns_(SystemClock().MonotonicNs()), step_ns_(begin_ns_) {}

  void Done(const std::string& what, const std::string& detail) {
    const int64_t now_ns = SystemClock().MonotonicNs();
    std::cout << (style_.coloured() ? "\r\033[K" : "") << style_.Paint(Tone::kGood, "✓") << " "
              << absl::StrFormat("%-11s", what) << " " << absl::StrFormat("%-58s", detail) << " "
              << style_.Paint(Tone::kFaint, absl::StrFormat("%6.2f s", Seconds(now_ns - step_ns_))) << "\n"
              << std::flush;
    step_ns_ = now_ns;
  }
  // What is being waited for, on a terminal only; the next Done() takes its place.
  void Waiting(const std::string& what) {
    if (style_.coloured())
      std::cout << "\r" << style_.Paint(Tone::kFaint, "… " + what) << "\033[K" << std::flush;
  }
  double total_s() const { return Seconds(SystemClock().MonotonicNs() - begin_ns_); }

 private:
  static double Seconds(int64_t ns) { return static_cast<double>(ns) / 1e9; }

  Style style_;
  int64_t begin_ns_;
  int64_t step_ns_;
};

absl::StatusOr<lab::Plan> MakePlan(const UpOptions& options, const std::vector<lab::Document>& documents) {
  RETURN_IF_ERROR(lab::CheckLabName(options.name));
  lab::Plan plan{.name = options.name,
                 .routing = options.routing,
                 .ipv4 = !options.ipv6_only,
                 .ipv6 = !options.ipv4_only,
                 .masquerade = !options.no_masquerade,
                 .socket_balancing = !options.no_socket_balancing};
  std::vector<std::string> names;
  for (const lab::Document& document : documents) {
    if (document.kind == "node") names.push_back(document.name);
  }
  if (options.nodes > 0 || names.empty()) {
    const size_t count = options.nodes > 0 ? static_cast<size_t>(options.nodes) : 2;
    while (names.size() < count) names.push_back(absl::StrCat("node-", names.size() + 1));
    names.resize(count);
  }
  for (size_t i = 0; i < names.size(); ++i)
    plan.nodes.push_back(lab::MakeNode(plan, static_cast<int>(i), names[i]));
  return plan;
}

// Refuses a lab of this name that is up or being made; removes what a dead one has left.
absl::Status MakeRoom(const std::string& name, const Context& context) {
  const lab::Paths paths(name);
  if (const int pid = lab::MakerPid(paths); pid != 0) {
    return absl::AlreadyExistsError(absl::StrCat("lab '", name, "' is being made by process ", pid,
                                                 "; wait for it, or take another --name"));
  }
  if (lab::IsRunning(paths) && lab::IsComplete(paths)) {
    return absl::AlreadyExistsError(
        absl::StrCat("lab '", name, "' is up; change it with `fairlead lab apply`, end it ",
                     "with `fairlead lab down --name ", name, "`, or take another --name"));
  }
  lab::Traces traces;
  RETURN_IF_ERROR(lab::TearDown(name, traces));
  const std::vector<std::string> left = lab::Leftovers(name, traces);
  if (left.empty()) return absl::OkStatus();
  for (const std::string& line : left)
    std::cerr << context.error_style().Paint(Tone::kBad, "left over") << " " << line << "\n";
  return absl::FailedPreconditionError(
      absl::StrCat("an earlier lab '", name, "' cannot be removed; see the lines above"));
}

absl::StatusOr<int> Up(const UpOptions& options, const Context& context) {
  RETURN_IF_ERROR(CheckRoot("fairlead lab up"));
  RETURN_IF_ERROR(lab::CheckPrograms(lab::ProgramFolder()));
  ASSIGN_OR_RETURN(std::vector<lab::Document> documents,
                   lab::ReadDocuments(options.files, options.recursive));
  ASSIGN_OR_RETURN(const lab::Plan plan, MakePlan(options, documents));
  const lab::Paths paths(plan.name);
  Progress progress(context.style());
  {
    ASSIGN_OR_RETURN(const lab::LabLock lock, lab::LabLock::Take(paths.lock()));
    RETURN_IF_ERROR(MakeRoom(plan.name, context));
    RETURN_IF_ERROR(lab::MakeGround(plan));
  }
  progress.Done("network",
                absl::StrCat(plan.nodes.size(), " nodes on one underlay, ",
                             plan.ipv4 && plan.ipv6 ? "IPv4 and IPv6"
                             : plan.ipv4            ? "IPv4"
                                                    : "IPv6",
                             ", ", plan.routing == "vxlan" ? "VXLAN between nodes" : "direct routing"));
  ASSIGN_OR_RETURN(const std::vector<lab::Document> nodes, lab::NodeDocuments(plan, documents));
  lab::ManifestStore store(paths);
  RETURN_IF_ERROR(store.Apply(nodes).status());
  std::erase_if(documents, [](const lab::Document& document) { return document.kind == "node"; });
  ASSIGN_OR_RETURN(const std::vector<lab::Applied> applied, store.Apply(documents));
  progress.Done("manifests", absl::StrCat(applied.size(), " objects"));
  RETURN_IF_ERROR(lab::StartKubelet(plan));
  if (!options.no_wait)
    RETURN_IF_ERROR(WaitUntilSettled(
        plan, options.timeout_s, [&](const std::string& what) { progress.Waiting("waiting for " + what); }));
  lab::MarkComplete(paths);
  ASSIGN_OR_RETURN(const lab::NodePods pods, lab::LoadPods(plan));
  progress.Done("pods",
                options.no_wait ? "starting in the background" : absl::StrCat(pods.pods.size(), " running"));
  PrintRefused(plan, ListRefused(plan), context);
  std::cout << "lab '" << plan.name << "' is up after " << absl::StrFormat("%.1f s", progress.total_s())
            << "; next: fairlead lab matrix, fairlead status\n";
  return 0;
}

}  // namespace

void AddLabUp(CLI::App& lab, Context& context) {
  auto options = std::make_shared<UpOptions>();
  CLI::App* app = lab.add_subcommand("up", "make a lab from manifests and wait until its pods run");
  app->add_option("-f,--filename", options->files, "manifest files or folders; - is stdin")
      ->allow_extra_args(false);
  app->add_flag("-R,--recursive", options->recursive, "also subfolders");
  app->add_option("--nodes", options->nodes,
                  "how many nodes; default: the Node objects of the manifests, or 2")
      ->check(CLI::Range(1, lab::kMaxNodes));
  if (!context.lab.empty()) options->name = context.lab;
  app->add_option("--name,--lab", options->name,
                  "name of the lab, for several side by side; $FAIRLEAD_LAB comes before the default")
      ->default_str("lab");
  app->add_option("--routing", options->routing, "how pods of different nodes reach each other")
      ->check(CLI::IsMember({"direct", "vxlan"}))
      ->capture_default_str();
  CLI::Option* ipv4 = app->add_flag("--ipv4-only", options->ipv4_only, "no IPv6");
  app->add_flag("--ipv6-only", options->ipv6_only, "no IPv4")->excludes(ipv4);
  app->add_flag("--no-masquerade", options->no_masquerade,
                "pods leave for the outside under their own address");
  app->add_flag("--no-socket-balancing", options->no_socket_balancing, "balance Services by packet only");
  app->add_flag("--no-wait", options->no_wait, "do not wait for the pods");
  app->add_option("--timeout", options->timeout_s, "seconds to wait")->capture_default_str();
  app->footer(
      "Examples:\n"
      "  sudo fairlead lab up -f demo/shop\n"
      "  sudo fairlead lab up -f demo/shop --nodes 3 --routing vxlan --name big");
  OnRun(app, context, [options, &context] { return Up(*options, context); });
}

}  // namespace fairlead::cli
