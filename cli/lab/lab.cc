#include "cli/lab/lab.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/netns.h"
#include "base/status_macros.h"
#include "cli/lab/bpf_objects.h"
#include "cli/lab/components.h"
#include "cli/lab/files.h"
#include "cli/lab/kernel_objects.h"
#include "cli/lab/log_keeper.h"
#include "cli/lab/process.h"

namespace fairlead::lab {
namespace {

namespace fs = std::filesystem;

constexpr int kKillMs = 10'000;
constexpr int64_t kLetGoNs = 5'000'000'000;

// Everything that has a network namespace of its own, besides pods.
std::vector<std::string> Hosts(const Plan& plan) {
  std::vector<std::string> hosts{"net", kOutside};
  for (const NodePlan& node : plan.nodes) hosts.push_back(node.name);
  return hosts;
}

absl::Status MakeFolders(const std::vector<std::string>& dirs) {
  for (const std::string& dir : dirs) {
    std::error_code error;
    fs::create_directories(dir, error);
    if (error) return ErrnoError(error.value(), absl::StrCat("make folder ", dir));
  }
  return absl::OkStatus();
}

absl::Status MakeNamespaces(const Plan& plan, const Paths& paths) {
  for (const std::string& host : Hosts(plan)) {
    RETURN_IF_ERROR(MakeNetns(paths.netns(host)));
    // For `ip netns exec`; of no importance to us.
    const std::string link = absl::StrCat(kNamedNetnsDir, "/", paths.netns_name(host));
    ::unlink(link.c_str());
    if (::symlink(paths.netns(host).c_str(), link.c_str()) != 0)
      return ErrnoError(errno, absl::StrCat("link ", link));
  }
  return absl::OkStatus();
}

// Without duplicate address detection, which would make the first seconds of IPv6 between nodes silent.
absl::Status SkipDuplicateDetection(const std::string& netns) {
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenNetns(netns));
  ASSIGN_OR_RETURN(const NetnsScope scope, NetnsScope::Enter(fd.get()));
  const char* path = "/proc/sys/net/ipv6/conf/default/accept_dad";
  return fs::exists(path) ? OverwriteFile(path, "0") : absl::OkStatus();
}

absl::Status MakeNetwork(const Plan& plan, const Paths& paths) {
  std::map<std::string, std::string> names;
  for (const std::string& host : Hosts(plan)) {
    names[host] = paths.netns_name(host);
    RETURN_IF_ERROR(SkipDuplicateDetection(paths.netns(host)));
  }
  const NetworkCommands commands = CommandsFor(plan, names);
  RETURN_IF_ERROR(RunIpBatch(paths.netns("net"), commands.underlay));
  RETURN_IF_ERROR(RunIpBatch(paths.netns(kOutside), commands.outside));
  for (const auto& [node, text] : commands.nodes) RETURN_IF_ERROR(RunIpBatch(paths.netns(node), text));
  return absl::OkStatus();
}

// Inodes of the namespaces that processes are in, or that are held by a mount of ours.
std::vector<uint64_t> LivingNetns() {
  std::vector<uint64_t> inodes;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    struct stat info;
    if (::stat((entry.path() / "ns/net").c_str(), &info) == 0) inodes.push_back(info.st_ino);
  }
  const auto mounts = ReadFile("/proc/self/mountinfo");
  for (size_t at = 0; mounts.ok() && (at = mounts->find(" net:[", at)) != std::string::npos; ++at) {
    uint64_t inode = 0;
    if (absl::SimpleAtoi(mounts->substr(at + 6, mounts->find(']', at) - at - 6), &inode))
      inodes.push_back(inode);
  }
  return inodes;
}

Traces TracesOf(const Paths& paths) {
  Traces traces;
  for (const std::string& mount : MountsBelow(paths.dir)) {
    struct stat info;
    if (absl::StrContains(mount, "/bpf")) {
      const BpfIds ids = PinnedBelow(mount);
      traces.bpf_links.insert(traces.bpf_links.end(), ids.links.begin(), ids.links.end());
      traces.bpf_programs.insert(traces.bpf_programs.end(), ids.programs.begin(), ids.programs.end());
      traces.bpf_maps.insert(traces.bpf_maps.end(), ids.maps.begin(), ids.maps.end());
    } else if (mount != paths.dir && ::stat(mount.c_str(), &info) == 0) {
      traces.netns_inodes.push_back(info.st_ino);
    }
  }
  return traces;
}

std::vector<std::string> NamedLinksOf(const Paths& paths) {
  std::vector<std::string> links;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(kNamedNetnsDir, error)) {
    if (!entry.is_symlink(error)) continue;
    if (absl::StartsWith(fs::read_symlink(entry.path(), error).string(), paths.dir + "/"))
      links.push_back(entry.path());
  }
  return links;
}

std::vector<std::string> Find(const Paths& paths, const Traces& traces) {
  std::vector<std::string> found;
  if (const auto root = CgroupRoot(); root.ok()) {
    const std::string cgroup = Cgroups(*root, paths.name).lab_dir;
    for (const int pid : CgroupProcesses(cgroup))
      found.push_back(absl::StrCat("process ", pid, " in ", cgroup));
    if (fs::exists(cgroup)) found.push_back(absl::StrCat("cgroup ", cgroup));
  }
  for (const std::string& mount : MountsBelow(paths.dir)) found.push_back(absl::StrCat("mount ", mount));
  if (fs::exists(paths.dir)) found.push_back(absl::StrCat("folder ", paths.dir));
  for (const std::string& link : NamedLinksOf(paths)) found.push_back(absl::StrCat("namespace name ", link));
  const std::vector<uint64_t> living = LivingNetns();
  for (const uint64_t inode : traces.netns_inodes) {
    if (std::count(living.begin(), living.end(), inode) != 0) {
      found.push_back(absl::StrCat("network namespace net:[", inode, "] with its links"));
    }
  }
  for (const uint32_t id : traces.bpf_links) {
    if (LinkExists(id)) found.push_back(absl::StrCat("eBPF link ", id));
  }
  for (const uint32_t id : traces.bpf_programs) {
    if (ProgramExists(id)) found.push_back(absl::StrCat("eBPF program ", id));
  }
  for (const uint32_t id : traces.bpf_maps) {
    if (MapExists(id)) found.push_back(absl::StrCat("eBPF map ", id));
  }
  return found;
}

}  // namespace

std::vector<std::string> LabNames() {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(kLabsDir, error)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<Plan> LoadPlan(const std::string& name) {
  const auto text = ReadFile(Paths(name).record());
  if (absl::IsNotFound(text.status())) {
    return absl::NotFoundError(absl::StrCat("there is no lab '", name, "'; see: fairlead lab list"));
  }
  if (!text.ok()) return text.status();
  return PlanFromJsonText(*text);
}

bool IsRunning(const Paths& paths) {
  const auto text = ReadFile(paths.kubelet_pid());
  int pid = 0;
  if (!text.ok() || !absl::SimpleAtoi(*text, &pid)) return false;
  // Its cgroup tells it from a later process with the same number.
  const auto cgroup = ReadFile(absl::StrCat("/proc/", pid, "/cgroup"));
  return cgroup.ok() && absl::StrContains(*cgroup, absl::StrCat("/fairlead-lab/", paths.name, "/"));
}

absl::Status CheckRunning(const std::string& name) {
  const Paths paths(name);
  if (IsRunning(paths)) return absl::OkStatus();
  RETURN_IF_ERROR(LoadPlan(name).status());
  return absl::FailedPreconditionError(
      absl::StrCat("lab '", name, "' is not running any more (its log: ", paths.log("kubelet"),
                   "); remove its rest: sudo fairlead lab down --name ", name));
}

int MakerPid(const Paths& paths) {
  const auto text = ReadFile(paths.making_pid());
  int pid = 0;
  if (!text.ok() || !absl::SimpleAtoi(*text, &pid)) return 0;
  const auto name = ReadFile(absl::StrCat("/proc/", pid, "/comm"));
  return name.ok() && absl::StrContains(*name, "fairlead") ? pid : 0;
}

bool IsComplete(const Paths& paths) {
  return fs::exists(paths.record()) && !fs::exists(paths.making_pid());
}

void MarkComplete(const Paths& paths) {
  ::unlink(paths.making_pid().c_str());
}

absl::Status MakeGround(const Plan& plan) {
  const Paths paths(plan.name);
  ASSIGN_OR_RETURN(const std::string cgroup_root, CgroupRoot());
  const Cgroups cgroups(cgroup_root, plan.name);
  RETURN_IF_ERROR(MountSharedTmpfs(paths.dir));
  RETURN_IF_ERROR(OverwriteFile(paths.making_pid(), absl::StrCat(::getpid())));
  // Containers that write without end must not take the room that records need.
  RETURN_IF_ERROR(MountTmpfs(paths.logs(), kAllLogBytes));
  RETURN_IF_ERROR(MakeFolders(
      {paths.manifests(), paths.netns_dir(), kNamedNetnsDir, cgroups.system(), cgroups.shell(kOutside)}));
  RETURN_IF_ERROR(WriteFileAtomically(paths.record(), ToJsonText(plan), paths.dir));
  RETURN_IF_ERROR(OverwriteFile(paths.hosts(), "127.0.0.1 localhost\n::1 localhost\n"));
  for (const NodePlan& node : plan.nodes) {
    const NodePaths node_paths = paths.node(node.name);
    RETURN_IF_ERROR(
        MakeFolders({node_paths.run(), node_paths.state(), node_paths.pods_dir(), cgroups.agent(node.name),
                     cgroups.pods(node.name), cgroups.shell(node.name)}));
    RETURN_IF_ERROR(MountBpffs(node_paths.bpf()));
  }
  RETURN_IF_ERROR(MakeNamespaces(plan, paths));
  return MakeNetwork(plan, paths);
}

absl::Status StartKubelet(const Plan& plan) {
  const Paths paths(plan.name);
  ASSIGN_OR_RETURN(const std::string cgroup_root, CgroupRoot());
  const UniqueFd log(::open(paths.log("kubelet").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!log.valid() || !null.valid()) return ErrnoError(errno, "open the kubelet's log");
  ASSIGN_OR_RETURN(
      const Process process,
      Process::Start({.argv = {ProgramFolder() + "/fairlead", "lab", "kubelet", "--name", plan.name},
                      .env = CurrentEnvironment(),
                      .cgroup = Cgroups(cgroup_root, plan.name).system(),
                      .working_dir = "/",
                      .stdin_fd = null.get(),
                      .stdout_fd = log.get(),
                      .stderr_fd = log.get(),
                      .new_session = true}));
  return WriteFileAtomically(paths.kubelet_pid(), absl::StrCat(process.pid()), paths.dir);
}

absl::Status TearDown(const std::string& name, Traces& traces) {
  const Paths paths(name);
  traces = TracesOf(paths);
  absl::Status first;
  const auto note = [&](const absl::Status& status) {
    if (first.ok()) first = status;
  };
  if (const auto root = CgroupRoot(); root.ok()) {
    const std::string cgroup = Cgroups(*root, name).lab_dir;
    if (fs::exists(cgroup)) {
      note(KillCgroup(cgroup, kKillMs));
      note(RemoveCgroup(cgroup));
      ::rmdir(fs::path(cgroup).parent_path().c_str());  // when this was the last lab
    }
  }
  for (const std::string& link : NamedLinksOf(paths)) ::unlink(link.c_str());
  note(UnmountTree(paths.dir));
  std::error_code error;
  fs::remove_all(paths.dir, error);
  if (error) note(ErrnoError(error.value(), absl::StrCat("remove ", paths.dir)));
  // When this was the last lab.
  ::rmdir(kLabsDir);
  ::rmdir(fs::path(kLabsDir).parent_path().c_str());
  ::rmdir(kNamedNetnsDir);
  return first;
}

std::vector<std::string> Leftovers(const std::string& name, const Traces& traces) {
  const Paths paths(name);
  const int64_t deadline_ns = SystemClock().MonotonicNs() + kLetGoNs;
  while (true) {
    // The kernel frees namespaces and eBPF objects a moment after their last user has gone.
    std::vector<std::string> found = Find(paths, traces);
    if (found.empty() || SystemClock().MonotonicNs() > deadline_ns) return found;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

absl::StatusOr<NodePods> LoadPods(const Plan& plan) {
  const Paths paths(plan.name);
  NodePods all{.watermark = UINT64_MAX};
  for (const NodePlan& node : plan.nodes) {
    const auto text = ReadFile(paths.node(node.name).pods_file());
    if (absl::IsNotFound(text.status())) {
      all.watermark = 0;
      continue;
    }
    if (!text.ok()) return text.status();
    ASSIGN_OR_RETURN(NodePods pods, PodsFromJsonText(*text));
    all.watermark = std::min(all.watermark, pods.watermark);
    all.pods.insert(all.pods.end(), pods.pods.begin(), pods.pods.end());
  }
  std::sort(all.pods.begin(), all.pods.end(),
            [](const auto& a, const auto& b) { return a.full_name() < b.full_name(); });
  return all;
}

absl::StatusOr<std::vector<ComponentStatus>> LoadComponents(const Paths& paths) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(paths.components()));
  return ComponentsFromJsonText(text);
}

absl::Status RunIpBatch(const std::string& netns, const std::string& commands) {
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenNetns(netns));
  ASSIGN_OR_RETURN(
      const CommandResult result,
      RunCommand({.argv = {"ip", "-batch", "-"}, .env = CurrentEnvironment(), .netns_fd = fd.get()}, commands,
                 10'000));
  if (result.exit_code == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("set up the network of ", netns, ": ", result.err));
}

}  // namespace fairlead::lab
