// A lab as it stands on this machine: making it, finding it, taking it away and proving that it is gone.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/lab/paths.h"
#include "cli/lab/plan.h"
#include "cli/lab/supervisor.h"
#include "cli/lab/workload.h"

namespace fairlead::lab {

// Names of the labs that have a folder, dead ones too.
std::vector<std::string> LabNames();
absl::StatusOr<Plan> LoadPlan(const std::string& name);
// Its background process lives.
bool IsRunning(const Paths& paths);
// FAILED_PRECONDITION with the way out when it does not.
absl::Status CheckRunning(const std::string& name);

// The `lab up` that makes it, while it lives; 0: none, though what a killed one has made may be there.
int MakerPid(const Paths& paths);
// It was up at some time: not the rest of a `lab up` that was killed.
bool IsComplete(const Paths& paths);
void MarkComplete(const Paths& paths);

// Everything that needs no process: folder, mounts, cgroups, namespaces, the underlay's links, lab.json.
absl::Status MakeGround(const Plan& plan);
// The background process that runs the rest: see kubelet.h.
absl::Status StartKubelet(const Plan& plan);

// What `lab down` found on its way, to be looked for afterwards.
struct Traces {
  std::vector<uint64_t> netns_inodes;
  std::vector<uint32_t> bpf_links, bpf_programs, bpf_maps;
};
// Ends all processes and removes all objects of the lab, in whatever state it is; goes on after
// failures and returns the first.
absl::Status TearDown(const std::string& name, Traces& traces);
// What is still there, a line each, after waiting a moment for the kernel to let go; empty: nothing.
std::vector<std::string> Leftovers(const std::string& name, const Traces& traces);

// All pods of all nodes as the kubelet published them.
absl::StatusOr<NodePods> LoadPods(const Plan& plan);
absl::StatusOr<std::vector<ComponentStatus>> LoadComponents(const Paths& paths);

// Runs `ip -batch` in the namespace held at `netns` (a path).
absl::Status RunIpBatch(const std::string& netns, const std::string& commands);

}  // namespace fairlead::lab
