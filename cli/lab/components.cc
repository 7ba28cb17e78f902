#include "cli/lab/components.h"

#include <unistd.h>

#include <filesystem>

#include "absl/strings/str_cat.h"

namespace fairlead::lab {

std::vector<ComponentSpec> ComponentsOf(const Plan& plan, const Paths& paths, const Cgroups& cgroups,
                                        const std::map<std::string, UniqueFd>& netns,
                                        const std::string& bin_dir) {
  const std::vector<std::string> env = CurrentEnvironment();
  const std::string controller = "unix:" + paths.controller_socket();
  std::vector<ComponentSpec> specs;
  std::vector<std::string> argv{
      bin_dir + "/fairlead-controller",
      "--manifests",
      paths.manifests(),
      "--listen",
      controller,
      "--routing",
      plan.routing,
      "--service-cidr",
      ServiceCidrs(plan),
      absl::StrCat("--socket-balancing=", plan.socket_balancing ? "true" : "false")};
  if (plan.masquerade) argv.emplace_back("--masquerade");
  specs.push_back({"controller", {.argv = argv, .env = env, .cgroup = cgroups.system()}});
  for (const NodePlan& node : plan.nodes) {
    const NodePaths node_paths = paths.node(node.name);
    specs.push_back({"agent-" + node.name,
                     {.argv = {bin_dir + "/fairlead-agent", "--node", node.name, "--controller", controller,
                               "--state-dir", node_paths.state(), "--run-dir", node_paths.run(), "--pin-dir",
                               node_paths.bpf() + "/fairlead", "--cgroup-dir", cgroups.node(node.name),
                               "--node-device", "eth0"},
                      .env = env,
                      .netns_fd = netns.at(node.name).get(),
                      .cgroup = cgroups.agent(node.name)}});
  }
  return specs;
}

std::string ProgramFolder() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
}

absl::Status CheckPrograms(const std::string& bin_dir) {
  for (const char* name : {"fairlead-controller", "fairlead-agent", "fairlead-cni", "fairlead-probe"}) {
    if (::access(absl::StrCat(bin_dir, "/", name).c_str(), X_OK) != 0) {
      return absl::NotFoundError(absl::StrCat("a lab needs ", name, " beside this program, in ", bin_dir,
                                              "; build it: cmake --build --preset release"));
    }
  }
  return absl::OkStatus();
}

}  // namespace fairlead::lab
