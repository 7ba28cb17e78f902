// The command lines and surroundings of a lab's controller and agents. Pure but for opened namespaces.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "cli/lab/paths.h"
#include "cli/lab/plan.h"
#include "cli/lab/supervisor.h"

namespace fairlead::lab {

// cgroup folders of a lab below the cgroup v2 root.
struct Cgroups {
  Cgroups(const std::string& root, const std::string& lab) : lab_dir(root + "/fairlead-lab/" + lab) {}

  std::string lab_dir;

  std::string system() const { return lab_dir + "/system"; }
  std::string node(const std::string& name) const { return lab_dir + "/" + name; }
  std::string agent(const std::string& name) const { return node(name) + "/agent"; }
  std::string pods(const std::string& name) const { return node(name) + "/pods"; }
  // For commands of `lab exec` on the node or outside.
  std::string shell(const std::string& name) const { return node(name) + "/shell"; }
};

// `netns`: of each node. `bin_dir`: where our programs stand.
std::vector<ComponentSpec> ComponentsOf(const Plan& plan, const Paths& paths, const Cgroups& cgroups,
                                        const std::map<std::string, UniqueFd>& netns,
                                        const std::string& bin_dir);

// The folder of the running program.
std::string ProgramFolder();
// NOT_FOUND naming what of the lab's programs is missing in `bin_dir`.
absl::Status CheckPrograms(const std::string& bin_dir);

}  // namespace fairlead::lab
