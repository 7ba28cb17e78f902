#include "cli/lab/kubelet.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include <map>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/netns.h"
#include "base/status_macros.h"
#include "cli/lab/components.h"
#include "cli/lab/files.h"
#include "cli/lab/kernel_objects.h"
#include "cli/lab/lab.h"
#include "cli/lab/log_keeper.h"
#include "cli/lab/node_runner.h"
#include "cli/rpc/introspect_client.h"
#include "cli/rpc/workload_watch.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace fairlead::lab {
namespace {

// After a change names settle: agents report addresses to the controller. So look again, later and later.
constexpr int kNamesDelaysMs[] = {20, 100, 500, 2000};

PodHost HostOf(const NodePlan& node, const Paths& paths, const Cgroups& cgroups, int netns_fd,
               const std::string& bin_dir) {
  const NodePaths node_paths = paths.node(node.name);
  PodHost host{.cni = {.plugin = bin_dir + "/fairlead-cni",
                       .netns_fd = netns_fd,
                       .cgroup = cgroups.agent(node.name),
                       .agent_socket = node_paths.cni_socket(),
                       .queue_dir = node_paths.cni_queue()},
               .node = node.name,
               .probe_program = bin_dir + "/fairlead-probe",
               .hosts_file = paths.hosts(),
               .pods_dir = node_paths.pods_dir(),
               .cgroup = cgroups.pods(node.name),
               .log_dir = paths.logs()};
  for (const IpAddress& address : node.addresses) host.node_addresses.push_back(address.ToString());
  return host;
}

void RefreshHosts(const cli::IntrospectClient& controller, const Paths& paths, std::string& written) {
  const auto names = controller.AllNames();
  if (!names.ok()) return;  // the next change asks again
  const std::string text = cli::HostsText(*names);
  if (text == written) return;
  const absl::Status status = OverwriteFile(paths.hosts(), text);
  if (status.ok()) written = text;
}

// Until a stop signal: follows changes with names.
void KeepNames(int stop_fd, int changed_fd, const cli::IntrospectClient& controller, const Paths& paths) {
  std::string written;
  size_t step = std::size(kNamesDelaysMs);
  while (true) {
    pollfd interests[] = {{.fd = stop_fd, .events = POLLIN, .revents = 0},
                          {.fd = changed_fd, .events = POLLIN, .revents = 0}};
    const int timeout_ms = step < std::size(kNamesDelaysMs) ? kNamesDelaysMs[step] : -1;
    const int ready = ::poll(interests, 2, timeout_ms);
    if (ready > 0 && interests[0].revents != 0) return;
    if (ready > 0) {
      eventfd_t count = 0;
      ::eventfd_read(changed_fd, &count);
      if (step != 0) step = 0;
      continue;
    }
    RefreshHosts(controller, paths, written);
    ++step;
  }
}

}  // namespace

absl::Status RunKubelet(const std::string& lab) {
  spdlog::set_default_logger(spdlog::stderr_logger_mt("kubelet"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  // Before any thread starts, so that all inherit it.
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  const UniqueFd stop(::signalfd(-1, &signals, SFD_CLOEXEC));
  const UniqueFd changed(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));

  const Paths paths(lab);
  ASSIGN_OR_RETURN(const Plan plan, LoadPlan(lab));
  ASSIGN_OR_RETURN(const std::string cgroup_root, CgroupRoot());
  const Cgroups cgroups(cgroup_root, lab);
  const std::string bin_dir = ProgramFolder();
  std::map<std::string, UniqueFd> netns;
  for (const NodePlan& node : plan.nodes) {
    ASSIGN_OR_RETURN(netns[node.name], OpenNetns(paths.netns(node.name)));
  }

  const LogKeeper log_keeper(paths.logs());
  const Supervisor supervisor(paths, ComponentsOf(plan, paths, cgroups, netns, bin_dir));
  std::vector<std::unique_ptr<NodeRunner>> runners;
  runners.reserve(plan.nodes.size());
  const auto notify = [&changed] { ::eventfd_write(changed.get(), 1); };
  for (const NodePlan& node : plan.nodes) {
    runners.push_back(
        std::make_unique<NodeRunner>(HostOf(node, paths, cgroups, netns.at(node.name).get(), bin_dir),
                                     paths.node(node.name).pods_file(), paths.dir, notify));
  }
  const std::string controller = "unix:" + paths.controller_socket();
  const cli::WorkloadWatch watch(controller, [&](const Snapshot& snapshot) {
    for (const auto& runner : runners) runner->Want(snapshot);
    notify();
  });
  KeepNames(stop.get(), changed.get(), cli::IntrospectClient(controller), paths);
  return absl::OkStatus();
}

}  // namespace fairlead::lab
