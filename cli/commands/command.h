// What every command has: the options that stand before all commands, a way to print, and the function
// that each command leaves to be run once the command line is known to be right.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/kube/kubectl.h"
#include "cli/text/style.h"

namespace fairlead::cli {

struct Context {
  std::string lab;                   // --lab
  std::vector<std::string> agents;   // --agent
  std::string controller;            // --controller
  std::string output = "text";       // --output
  std::string program = "fairlead";  // as we were called
  bool plugin = false;               // we are kubectl fairlead: ask the cluster that kubectl does
  Kubectl kubectl;                   // --context, --kubeconfig
  std::string kube_namespace;        // --namespace
  bool no_color = false;

  // Set by the command that was named; returns the exit code.
  std::function<absl::StatusOr<int>()> run;

  bool json() const { return output == "json"; }
  Style style() const { return Style::For(1, no_color); }
  Style error_style() const { return Style::For(2, no_color); }
};

// Exit codes besides 0: what was asked failed or the answer is no; the command line was wrong.
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;

// $FAIRLEAD_LAB: the lab that is meant where the command line names none. Not CLI11's envname(): several
// commands' options share Context::lab, and each that was not given would put the environment's lab in the
// place of the one that was.
std::string LabOfEnvironment();
// "-o,--output text|json" of one command.
void AddOutputOption(CLI::App* app, Context& context);
// Makes `action` what is run when `app` is the command that was named.
void OnRun(CLI::App* app, Context& context, std::function<absl::StatusOr<int>()> action);

void AddStatusCommand(CLI::App& app, Context& context);
void AddEndpointsCommand(CLI::App& app, Context& context);
void AddServicesCommand(CLI::App& app, Context& context);
void AddPoliciesCommand(CLI::App& app, Context& context);
void AddConntrackCommand(CLI::App& app, Context& context);
void AddFlowsCommand(CLI::App& app, Context& context);
void AddWhyCommand(CLI::App& app, Context& context);
void AddWaitCommand(CLI::App& app, Context& context);
void AddVersionCommand(CLI::App& app, Context& context);
void AddCompletionCommand(CLI::App& app, Context& context);
void AddLabCommands(CLI::App& app, Context& context);
void AddRelayCommand(CLI::App& app, Context& context);
void AddConnectivityCommand(CLI::App& app, Context& context);
void AddSysdumpCommand(CLI::App& app, Context& context);

}  // namespace fairlead::cli
