// Calls a CNI plugin as a container runtime does: parameters in the environment, configuration on stdin,
// result on stdout. Source: CNI specification 1.1.0, sections 2 to 4.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/lab/workload.h"

namespace fairlead::lab {

// The node that the plugin runs on.
struct CniNode {
  std::string plugin;  // path of fairlead-cni
  int netns_fd = -1;   // of the node
  std::string cgroup;  // the plugin's process joins it
  std::string agent_socket;
  std::string queue_dir;  // releases for an agent that is down
};

struct CniAttachment {
  std::string container_id;
  std::string netns;  // path
  std::string interface = "eth0";
  Workload pod;
};

// Addresses that the pod got, without prefix length. UNAVAILABLE: the plugin asks to try again later;
// any other error: it will not work by trying again alone.
absl::StatusOr<std::vector<std::string>> CniAdd(const CniNode& node, const CniAttachment& attachment);
absl::Status CniDel(const CniNode& node, const CniAttachment& attachment);

// A network configuration as the runtime derives it from a list, for this pod.
std::string CniConfig(const CniNode& node, const Workload& pod);
absl::StatusOr<std::vector<std::string>> AddressesOfResult(const std::string& result);
// What the plugin's error JSON says; `exit_code` when it says nothing.
absl::Status ErrorOfOutput(const std::string& output, const std::string& stderr_text, int exit_code);

}  // namespace fairlead::lab
