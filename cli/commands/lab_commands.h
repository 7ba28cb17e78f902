// The commands below `fairlead lab`, each in a file of its own.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/commands/command.h"
#include "cli/lab/manifest_store.h"
#include "cli/lab/plan.h"

namespace fairlead::cli {

void AddLabUp(CLI::App& lab, Context& context);
void AddLabDown(CLI::App& lab, Context& context);
void AddLabList(CLI::App& lab, Context& context);
void AddLabExec(CLI::App& lab, Context& context);
void AddLabApply(CLI::App& lab, Context& context);
void AddLabDelete(CLI::App& lab, Context& context);
void AddLabMatrix(CLI::App& lab, Context& context);
void AddLabLogs(CLI::App& lab, Context& context);
void AddLabKill(CLI::App& lab, Context& context);
void AddLabKubelet(CLI::App& lab, Context& context);

// "--name" of a lab that exists.
void AddLabName(CLI::App* app, Context& context);
// The lab that is meant: --name, --lab, $FAIRLEAD_LAB, or the only one there is.
absl::StatusOr<std::string> ChooseLab(const Context& context);
absl::StatusOr<lab::Plan> ChosenPlan(const Context& context);
// PERMISSION_DENIED with what to do when we are not root.
absl::Status CheckRoot(const std::string& what);

// Returns when the controller and every agent hold all that the manifests say and every pod runs; `tell`
// hears what that waits for. DEADLINE_EXCEEDED after `timeout_s` seconds, FAILED_PRECONDITION when the lab
// has ended.
absl::Status WaitUntilSettled(
    const lab::Plan& plan, double timeout_s,
    const std::function<void(const std::string&)>& tell = [](const std::string&) {});
// An object that the controller or an agent refuses.
struct Refused {
  std::string object;  // "NetworkPolicy shop/cart"
  std::string where;   // file and line in the lab's store; empty: an agent refuses it
  std::string message;

  bool operator==(const Refused&) const = default;
};
// Those of `now` that a change of `files` of the store is answerable for: of these files, refused by an
// agent, or not refused before it.
std::vector<Refused> RefusedBecauseOf(const std::set<std::string>& files, const std::vector<Refused>& before,
                                      const std::vector<Refused>& now);
std::vector<Refused> ListRefused(const lab::Plan& plan);
// A line each, with the reason; the first few of very many.
void PrintRefused(const lab::Plan& plan, const std::vector<Refused>& refused, const Context& context);

}  // namespace fairlead::cli
