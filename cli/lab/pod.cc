#include "cli/lab/pod.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/netns.h"
#include "base/status_macros.h"
#include "cli/lab/kernel_objects.h"

namespace fairlead::lab {
namespace {

constexpr int kStopGraceMs = 2000;
constexpr int kKillPodMs = 5000;

int64_t Backoff(int failures, int64_t first_ms, int64_t most_ms) {
  return std::min(most_ms, first_ms << std::min(failures, 16)) * kNsPerMs;
}

// As container runtimes name sandboxes: 64 hexadecimal digits.
std::string NewContainerId() {
  std::string bytes(32, '\0');
  [[maybe_unused]] const ssize_t count = ::getrandom(bytes.data(), bytes.size(), 0);
  return absl::BytesToHexString(bytes);
}

}  // namespace

Pod::Pod(const PodHost& host, Workload workload, int64_t now_ns)
    : host_(host),
      workload_(std::move(workload)),
      seen_ns_(now_ns),
      containers_(workload_.containers.size()) {
  const std::string folder = absl::StrCat(workload_.namespace_name, "_", workload_.name, "_", workload_.uid);
  status_ = {.namespace_name = workload_.namespace_name,
             .name = workload_.name,
             .uid = workload_.uid,
             .node = workload_.node,
             .owner = workload_.owner,
             .host_network = workload_.host_network,
             .netns = absl::StrCat(host.pods_dir, "/", folder),
             .cgroup = absl::StrCat(host.cgroup, "/", folder)};
  for (const Container& container : workload_.containers) {
    status_.ports.insert(status_.ports.end(), container.ports.begin(), container.ports.end());
  }
  attachment_ = {.container_id = NewContainerId(), .netns = status_.netns, .pod = workload_};
}

bool Pod::Advance(int64_t now_ns) {
  const PodStatus before = status_;
  ReapContainers(now_ns);
  if (!added_ && now_ns >= retry_at_ns_) {
    absl::Status status = MakeSandbox();
    if (status.ok() && !workload_.host_network) {
      auto addresses = CniAdd(host_.cni, attachment_);
      status = addresses.status();
      if (addresses.ok()) status_.addresses = *addresses;
    }
    added_ = status.ok();
    if (!added_) Retry(now_ns, status);
  }
  bool all_started = added_;
  for (size_t i = 0; added_ && i < containers_.size(); ++i) {
    Running& running = containers_[i];
    if (!running.process.has_value() && now_ns >= running.start_at_ns) {
      const absl::Status status = StartContainer(workload_.containers[i], running);
      if (!status.ok()) {
        status_.message = absl::StrCat("container ", workload_.containers[i].name, ": ", status.message());
        running.start_at_ns = now_ns + Backoff(++running.restarts, 500, 30'000);
      }
    }
    all_started = all_started && running.process.has_value();
  }
  if (all_started && status_.phase == "Pending") {
    status_.phase = "Running";
    status_.message.clear();
    status_.start_ms = static_cast<double>(now_ns - seen_ns_) / kNsPerMs;
  }
  return before.phase != status_.phase || before.message != status_.message ||
         before.restarts != status_.restarts;
}

absl::Status Pod::MakeSandbox() {
  if (netns_.valid()) return absl::OkStatus();
  RETURN_IF_ERROR(MakeCgroup(status_.cgroup));
  if (workload_.host_network) {
    netns_.reset(::fcntl(host_.cni.netns_fd, F_DUPFD_CLOEXEC, 0));
    status_.addresses = host_.node_addresses;
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(MakeNetns(status_.netns));
  ASSIGN_OR_RETURN(netns_, OpenNetns(status_.netns));
  return absl::OkStatus();
}

absl::Status Pod::StartContainer(const Container& container, Running& running) {
  const std::string log = absl::StrCat(host_.log_dir, "/", workload_.namespace_name, "_", workload_.name, "_",
                                       container.name, ".log");
  const UniqueFd output(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!output.valid()) return ErrnoError(errno, absl::StrCat("open ", log));
  const UniqueFd input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  ProcessSpec spec{.argv = CommandOf(container, host_.probe_program),
                   .env = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
                           "HOSTNAME=" + workload_.name},
                   .netns_fd = netns_.get(),
                   .cgroup = status_.cgroup,
                   .hostname = workload_.host_network ? "" : workload_.name,
                   .hosts_file = host_.hosts_file,
                   .working_dir = container.working_dir.empty() ? "/" : container.working_dir,
                   .stdin_fd = input.get(),
                   .stdout_fd = output.get(),
                   .stderr_fd = output.get(),
                   .new_session = true};
  for (const auto& [name, value] : container.env) spec.env.push_back(absl::StrCat(name, "=", value));
  ASSIGN_OR_RETURN(Process process, Process::Start(spec));
  running.process = std::move(process);
  return absl::OkStatus();
}

void Pod::ReapContainers(int64_t now_ns) {
  for (size_t i = 0; i < containers_.size(); ++i) {
    Running& running = containers_[i];
    int exit_code = 0;
    if (!running.process.has_value() || !running.process->WaitFor(0, &exit_code)) continue;
    running.process.reset();
    running.start_at_ns = now_ns + Backoff(running.restarts++, 100, 10'000);
    status_.restarts++;
    status_.message = absl::StrCat("container ", workload_.containers[i].name, " ended with exit code ",
                                   exit_code, ", restarted");
  }
}

void Pod::Retry(int64_t now_ns, const absl::Status& status) {
  status_.message = std::string(status.message());
  // An agent that is only just starting is asked again soon.
  retry_at_ns_ = now_ns + (absl::IsUnavailable(status) ? 50 * kNsPerMs : Backoff(failures_++, 50, 2000));
}

int64_t Pod::next_ns() const {
  if (!added_) return retry_at_ns_;
  int64_t next = INT64_MAX;
  for (const Running& running : containers_) {
    if (!running.process.has_value()) next = std::min(next, running.start_at_ns);
  }
  return next;
}

std::vector<int> Pod::wait_fds() const {
  std::vector<int> fds;
  for (const Running& running : containers_) {
    if (running.process.has_value()) fds.push_back(running.process->pidfd());
  }
  return fds;
}

absl::Status Pod::Stop() {
  status_.phase = "Stopping";
  for (const Running& running : containers_) {
    if (running.process.has_value()) running.process->Signal(SIGTERM);
  }
  for (Running& running : containers_) {
    int exit_code = 0;
    if (running.process.has_value() && !running.process->WaitFor(kStopGraceMs, &exit_code)) {
      running.process->Signal(SIGKILL);
      running.process->Wait();
    }
    running.process.reset();
  }
  RETURN_IF_ERROR(KillCgroup(status_.cgroup, kKillPodMs));
  if (!workload_.host_network) {
    // Also after an ADD that failed: the specification wants it.
    RETURN_IF_ERROR(CniDel(host_.cni, attachment_));
    netns_.reset();
    RETURN_IF_ERROR(RemoveNetns(status_.netns));
  }
  return RemoveCgroup(status_.cgroup);
}

}  // namespace fairlead::lab
