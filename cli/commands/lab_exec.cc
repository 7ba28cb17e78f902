// fairlead lab exec: a command inside a pod, on a node, or outside.
#include <signal.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/netns.h"
#include "base/status_macros.h"
#include "cli/commands/lab_commands.h"
#include "cli/lab/inside.h"
#include "cli/lab/lab.h"
#include "cli/lab/process.h"

namespace fairlead::cli {
namespace {

struct ExecOptions {
  std::string target;
  std::vector<std::string> command;
};

absl::StatusOr<int> Exec(const ExecOptions& options, const Context& context) {
  RETURN_IF_ERROR(CheckRoot("fairlead lab exec"));
  ASSIGN_OR_RETURN(const lab::Plan plan, ChosenPlan(context));
  ASSIGN_OR_RETURN(const lab::Inside inside, lab::FindInside(plan, options.target));
  ASSIGN_OR_RETURN(lab::Process process, lab::Process::Start(inside.Spec(options.command)));
  // Ctrl-C is for the command; we end with it.
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGQUIT, SIG_IGN);
  return process.Wait();
}

}  // namespace

void AddLabExec(CLI::App& lab, Context& context) {
  auto options = std::make_shared<ExecOptions>();
  CLI::App* app =
      lab.add_subcommand("exec", "run a command of this machine inside a pod, on a node, or outside");
  AddLabName(app, context);
  app->add_option("TARGET", options->target, "NAMESPACE/POD, a node's name, or outside")->required();
  app->add_option("COMMAND", options->command, "after --; fairlead-probe is always found")->required();
  app->footer(
      "In pods Services have the names that cluster DNS would give them (cart.shop, "
      "cart.shop.svc.cluster.local).\n"
      "The exit code is the command's.\n\n"
      "Examples:\n"
      "  sudo fairlead lab exec shop/frontend-0 -- curl -s http://cart.shop/\n"
      "  sudo fairlead lab exec node-1 -- ip route\n"
      "  sudo fairlead lab exec outside -- fairlead-probe connect 172.31.0.11:30080");
  OnRun(app, context, [options, &context] { return Exec(*options, context); });
}

}  // namespace fairlead::cli
