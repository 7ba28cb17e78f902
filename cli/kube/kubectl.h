// The kubectl of this machine: how everything of the plugin reaches the cluster, with the user's own rights.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/lab/process.h"

namespace fairlead::cli {

struct Kubectl {
  std::string context;     // --context
  std::string kubeconfig;  // --kubeconfig

  // "kubectl --context C WORDS...", for a process of one's own.
  std::vector<std::string> Argv(const std::vector<std::string>& words) const;
  // Whatever its exit code; NOT_FOUND when there is no kubectl.
  absl::StatusOr<lab::CommandResult> Run(const std::vector<std::string>& words, int timeout_ms,
                                         const std::string& input = "") const;
  // What it prints; a failure has its last words.
  absl::StatusOr<std::string> Output(const std::vector<std::string>& words, int timeout_ms,
                                     const std::string& input = "") const;
  // Of "get ... -o json".
  absl::StatusOr<nlohmann::json> Json(const std::vector<std::string>& words, int timeout_ms) const;
};

// The end of what a program says on stderr, on one line.
std::string LastWords(const std::string& text);

}  // namespace fairlead::cli
