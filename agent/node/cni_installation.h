// fairlead-cni and its network configuration in the folders where the node's container runtime looks for
// them. The configuration comes last, for from then on the runtime sends pods here; it stays when the agent
// ends: the plugin queues what cannot be done meanwhile.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace fairlead::agent {

struct CniOptions {
  std::string bin_dir;                       // --cni-bin-dir; empty: the plugin is somebody else's to install
  std::string conf_dir;                      // --cni-conf-dir; empty: its configuration is
  std::string binary;                        // --cni-binary; empty: beside the agent
  std::vector<std::string> chained_plugins;  // --cni-chained-plugin, JSON

  bool enabled() const { return !bin_dir.empty() || !conf_dir.empty(); }
};

class CniInstallation {
 public:
  // INVALID_ARGUMENT naming the option that is wrong.
  static absl::StatusOr<CniInstallation> Create(const CniOptions& options, const std::string& run_dir);

  // The program, then the configuration; what is there already, and right, is not touched. OK: both are
  // there.
  absl::Status Install();
  // The configurations that a runtime prefers to ours, by path; those that delegate to it left out.
  std::vector<std::string> Preferred() const;

 private:
  CniInstallation(CniOptions options, std::string conflist)
      : options_(std::move(options)), conflist_(std::move(conflist)) {}
  absl::Status InstallProgram();
  absl::Status InstallConflist() const;

  CniOptions options_;
  std::string conflist_;
  std::string installed_;  // what the program's file looks like since it was compared
};

// Paths of those two that are there.
std::vector<std::string> InstalledFiles(const CniOptions& options);
// No pod comes any more. OK when there is none.
absl::Status RemoveConflist(const CniOptions& options);
// Last of all: what is left of pods is taken down by it. OK when there is none.
absl::Status RemoveProgram(const CniOptions& options);

}  // namespace fairlead::agent
