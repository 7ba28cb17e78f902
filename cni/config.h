// The network configuration that the runtime writes to the plugin's standard input.
//
//   { "cniVersion": "1.1.0", "name": "fairlead", "type": "fairlead-cni" }
//
// is all that is needed. Our own keys are in docs of this struct; a key that neither we nor the CNI
// specification know is refused, so that a slip of the pen is not a silent default.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cni/attachment.h"
#include "cni/result.h"

namespace fairlead::cni {

// Oldest first.
inline constexpr const char* kSupportedVersions[] = {"0.4.0", "1.0.0", "1.1.0"};
inline constexpr const char* kNewestVersion = "1.1.0";

struct Config {
  std::string cni_version;
  std::string name;

  // Ours: "agentSocket", "queueDir" (absolute paths), "timeoutSeconds" (1 to 600).
  std::string agent_socket = "/run/fairlead/cni.sock";
  std::string queue_dir = "/run/fairlead/cni-queue";
  std::chrono::seconds timeout{60};

  // Capabilities, from "runtimeConfig".
  std::vector<PortMapping> port_mappings;
  std::vector<std::string> requested_addresses;  // without a prefix length
  std::string requested_mac;
  ResultDns dns;

  std::optional<Result> previous;  // "prevResult"
  // GC: "cni.dev/valid-attachments".
  std::optional<std::vector<Attachment>> valid_attachments;
};

// `command` as in CNI_COMMAND. A DEL or a GC does not mind unknown keys: what a newer version has
// wired must not stay for that. Errors carry the codes 1, 6 and 7.
absl::StatusOr<Config> ParseConfig(const std::string& text, const std::string& command);

// The "cniVersion" of a configuration that may be broken otherwise; for the error's own version.
std::string VersionOf(const std::string& text);

bool IsSupportedVersion(const std::string& version);

}  // namespace fairlead::cni
