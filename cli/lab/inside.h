// A place inside a lab where commands can run: a pod, a node, or the host outside.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "cli/lab/plan.h"
#include "cli/lab/process.h"
#include "cli/lab/workload.h"

namespace fairlead::lab {

struct Inside {
  std::string name;
  UniqueFd netns;
  std::string cgroup;
  std::string hostname;
  std::string hosts_file;

  // Standard streams are ours unless the caller sets others. Our programs come first in PATH.
  ProcessSpec Spec(const std::vector<std::string>& command) const;
};

// "NAMESPACE/POD" of a pod that runs, a node's name, or "outside". NOT_FOUND names what there is.
absl::StatusOr<Inside> FindInside(const Plan& plan, const std::string& target);
absl::StatusOr<Inside> InsideOf(const Plan& plan, const PodStatus& pod);

}  // namespace fairlead::lab
