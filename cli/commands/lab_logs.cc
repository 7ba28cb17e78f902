// fairlead lab logs and kill: what the lab's programs say, and ending one to see what happens.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "cli/commands/lab_commands.h"
#include "cli/lab/files.h"
#include "cli/lab/lab.h"

namespace fairlead::cli {
namespace {

struct LogOptions {
  std::string component;
  int tail = 20;
  bool follow = false;
};

// Log files that `component` means: all, one program's, or a pod's containers'.
std::vector<std::string> LogsOf(const lab::Paths& paths, const std::string& component) {
  std::vector<std::string> logs;
  const std::string wanted = absl::StrReplaceAll(component, {{"/", "_"}});
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(paths.logs(), error)) {
    const std::string stem = entry.path().stem();
    const bool is_pod = absl::StrContains(stem, '_');
    if (component.empty() ? !is_pod : stem == wanted || (is_pod && absl::StartsWith(stem, wanted + "_"))) {
      logs.push_back(entry.path());
    }
  }
  std::sort(logs.begin(), logs.end());
  return logs;
}

std::string LastLines(const std::string& text, int count) {
  size_t begin = text.size();
  for (int seen = 0; begin > 0; --begin) {
    if (text[begin - 1] == '\n' && begin != text.size() && ++seen == count) break;
  }
  return text.substr(begin);
}

absl::StatusOr<int> Logs(const LogOptions& options, const Context& context) {
  ASSIGN_OR_RETURN(const lab::Plan plan, ChosenPlan(context));
  const lab::Paths paths(plan.name);
  const std::vector<std::string> logs = LogsOf(paths, options.component);
  if (logs.empty()) {
    std::vector<std::string> known;
    const std::vector<std::string> all = LogsOf(paths, "");
    known.reserve(all.size());
    for (const std::string& log : all) known.push_back(std::filesystem::path(log).stem());
    return absl::NotFoundError(absl::StrCat("no log of '", options.component, "'; there are: ",
                                            absl::StrJoin(known, ", "), ", and a NAMESPACE/POD's"));
  }
  if (options.follow) {
    std::vector<std::string> argv{"tail", "-n", absl::StrCat(options.tail), "-F", "-q"};
    argv.insert(argv.end(), logs.begin(), logs.end());
    std::vector<char*> words;
    for (std::string& word : argv) words.push_back(word.data());
    words.push_back(nullptr);
    ::execvp("tail", words.data());
    return ErrnoError(errno, "run tail");
  }
  for (const std::string& log : logs) {
    ASSIGN_OR_RETURN(const std::string text, lab::ReadFile(log));
    if (logs.size() > 1) std::cout << context.style().Paint(Tone::kStrong, log) << "\n";
    std::cout << LastLines(text, options.tail);
  }
  return 0;
}

struct KillOptions {
  std::string component;
  int hold_ms = 0;
};

absl::StatusOr<int> Kill(const KillOptions& options, const Context& context) {
  RETURN_IF_ERROR(CheckRoot("fairlead lab kill"));
  ASSIGN_OR_RETURN(const lab::Plan plan, ChosenPlan(context));
  const lab::Paths paths(plan.name);
  ASSIGN_OR_RETURN(const std::vector<lab::ComponentStatus> components, lab::LoadComponents(paths));
  std::vector<std::string> known;
  for (const lab::ComponentStatus& component : components) {
    known.push_back(component.name);
    if (component.name != options.component && component.name != "agent-" + options.component) continue;
    if (component.pid == 0) {
      return absl::FailedPreconditionError(
          absl::StrCat(component.name, " is not running: ", component.message));
    }
    const int64_t until_ns = SystemClock().MonotonicNs() + int64_t{options.hold_ms} * 1'000'000;
    RETURN_IF_ERROR(lab::WriteFileAtomically(paths.hold(component.name),
                                             absl::StrCat(options.hold_ms > 0 ? until_ns : 0), paths.dir));
    if (::kill(component.pid, SIGKILL) != 0) return ErrnoError(errno, absl::StrCat("kill ", component.name));
    std::cout << component.name << " (process " << component.pid << ") killed"
              << (options.hold_ms > 0 ? absl::StrCat("; it stays down for ", options.hold_ms, " ms") : "")
              << "\n";
    return 0;
  }
  return absl::NotFoundError(
      absl::StrCat("the lab runs no '", options.component, "'; it runs ", absl::StrJoin(known, ", ")));
}

}  // namespace

void AddLabLogs(CLI::App& lab, Context& context) {
  auto options = std::make_shared<LogOptions>();
  CLI::App* app = lab.add_subcommand("logs", "what controller, agents, kubelet and containers say");
  AddLabName(app, context);
  app->add_option("COMPONENT", options->component,
                  "controller, agent-NODE, kubelet, or NAMESPACE/POD; default: all but pods");
  app->add_option("-n,--tail", options->tail, "lines of each")->capture_default_str();
  app->add_flag("-f,--follow", options->follow, "go on with what is written from now on");
  app->footer(
      "Examples:\n  fairlead lab logs\n  fairlead lab logs agent-node-1 -f\n  fairlead lab logs shop/cart-0");
  OnRun(app, context, [options, &context] { return Logs(*options, context); });
}

void AddLabKill(CLI::App& lab, Context& context) {
  auto options = std::make_shared<KillOptions>();
  CLI::App* app =
      lab.add_subcommand("kill", "SIGKILL a node's agent or the controller; the lab starts it again");
  AddLabName(app, context);
  app->add_option("COMPONENT", options->component, "a node's name (its agent), or controller")->required();
  app->add_option("--down-ms", options->hold_ms, "start it again only after so long")
      ->check(CLI::Range(0, 3'600'000));
  app->footer("Examples:\n  sudo fairlead lab kill node-1 --down-ms 2000");
  OnRun(app, context, [options, &context] { return Kill(*options, context); });
}

}  // namespace fairlead::cli
