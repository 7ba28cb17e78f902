#include "cli/lab/inside.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/netns.h"
#include "base/status_macros.h"
#include "cli/lab/components.h"
#include "cli/lab/kernel_objects.h"
#include "cli/lab/lab.h"

namespace fairlead::lab {

ProcessSpec Inside::Spec(const std::vector<std::string>& command) const {
  std::vector<std::string> env = CurrentEnvironment();
  bool has_path = false;
  for (std::string& entry : env) {
    if (!absl::StartsWith(entry, "PATH=")) continue;
    entry = absl::StrCat("PATH=", ProgramFolder(), ":", entry.substr(5));
    has_path = true;
  }
  if (!has_path) env.push_back(absl::StrCat("PATH=", ProgramFolder(), ":/usr/sbin:/usr/bin:/sbin:/bin"));
  if (!hostname.empty()) {
    std::erase_if(env, [](const std::string& entry) { return absl::StartsWith(entry, "HOSTNAME="); });
    env.push_back("HOSTNAME=" + hostname);
  }
  return {.argv = command,
          .env = env,
          .netns_fd = netns.get(),
          .cgroup = cgroup,
          .hostname = hostname,
          .hosts_file = hosts_file};
}

absl::StatusOr<Inside> InsideOf(const Plan& plan, const PodStatus& pod) {
  const Paths paths(plan.name);
  Inside inside{.name = pod.full_name(),
                .cgroup = pod.cgroup,
                .hostname = pod.host_network ? "" : pod.name,
                .hosts_file = paths.hosts()};
  ASSIGN_OR_RETURN(inside.netns, OpenNetns(pod.host_network ? paths.netns(pod.node) : pod.netns));
  return inside;
}

absl::StatusOr<Inside> FindInside(const Plan& plan, const std::string& target) {
  const Paths paths(plan.name);
  std::vector<std::string> hosts{kOutside};
  for (const NodePlan& node : plan.nodes) hosts.push_back(node.name);
  if (std::count(hosts.begin(), hosts.end(), target) != 0) {
    ASSIGN_OR_RETURN(const std::string cgroup_root, CgroupRoot());
    Inside inside{.name = target,
                  .cgroup = Cgroups(cgroup_root, plan.name).shell(target),
                  .hostname = target,
                  .hosts_file = paths.hosts()};
    ASSIGN_OR_RETURN(inside.netns, OpenNetns(paths.netns(target)));
    return inside;
  }
  ASSIGN_OR_RETURN(const NodePods pods, LoadPods(plan));
  std::vector<std::string> running;
  for (const PodStatus& pod : pods.pods) {
    if (pod.full_name() == target && pod.phase == "Running") return InsideOf(plan, pod);
    if (pod.full_name() == target) {
      return absl::UnavailableError(
          absl::StrCat("pod ", target, " is not running yet: ", pod.phase, " ", pod.message));
    }
    running.push_back(pod.full_name());
  }
  return absl::NotFoundError(absl::StrCat("lab '", plan.name, "' has no '", target, "'; it has ",
                                          absl::StrJoin(hosts, ", "), ", ", absl::StrJoin(running, ", ")));
}

}  // namespace fairlead::lab
