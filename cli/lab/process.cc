#include "cli/lab/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/clock.h"
#include "base/status_macros.h"

namespace fairlead::lab {
namespace {

// What the child could not do; comes back through a pipe that exec closes.
struct ChildFailure {
  int error;
  char step[60];
};

std::string FindProgram(const std::string& name, const std::vector<std::string>& env) {
  if (absl::StrContains(name, '/')) return name;
  for (const std::string& entry : env) {
    if (!absl::StartsWith(entry, "PATH=")) continue;
    for (const absl::string_view folder : absl::StrSplit(entry.substr(5), ':')) {
      std::string path = absl::StrCat(folder, "/", name);
      if (::access(path.c_str(), X_OK) == 0) return path;
    }
  }
  return name;
}

std::vector<char*> Pointers(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

[[noreturn]] void Die(int report_fd, const char* step) {
  ChildFailure failure{.error = errno, .step = {}};
  std::strncpy(failure.step, step, sizeof failure.step - 1);
  [[maybe_unused]] const ssize_t written = ::write(report_fd, &failure, sizeof failure);
  ::_exit(127);
}

void MoveTo(int fd, int standard, int report_fd) {
  if (fd >= 0 && ::dup2(fd, standard) < 0) Die(report_fd, "redirect standard streams");
}

// Between fork and exec of a process with threads: system calls only, no allocation.
[[noreturn]] void RunChild(const ProcessSpec& spec, const char* program, char* const* argv, char* const* env,
                           int cgroup_fd, int report_fd) {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  if (spec.new_session) ::setsid();
  if (cgroup_fd >= 0 && ::write(cgroup_fd, "0", 1) != 1) Die(report_fd, "join the cgroup");
  if (spec.netns_fd >= 0 && ::setns(spec.netns_fd, CLONE_NEWNET) != 0)
    Die(report_fd, "enter the network namespace");
  if (!spec.hostname.empty()) {
    if (::unshare(CLONE_NEWUTS) != 0) Die(report_fd, "make a UTS namespace");
    if (::sethostname(spec.hostname.c_str(), spec.hostname.size()) != 0) Die(report_fd, "set the host name");
  }
  if (!spec.hosts_file.empty()) {
    if (::unshare(CLONE_NEWNS) != 0) Die(report_fd, "make a mount namespace");
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0)
      Die(report_fd, "keep mounts private");
    if (::mount(spec.hosts_file.c_str(), "/etc/hosts", nullptr, MS_BIND, nullptr) != 0) {
      Die(report_fd, "mount /etc/hosts");
    }
  }
  if (!spec.working_dir.empty() && ::chdir(spec.working_dir.c_str()) != 0)
    Die(report_fd, "change to the folder");
  MoveTo(spec.stdin_fd, STDIN_FILENO, report_fd);
  MoveTo(spec.stdout_fd, STDOUT_FILENO, report_fd);
  MoveTo(spec.stderr_fd, STDERR_FILENO, report_fd);
  ::execve(program, argv, env);
  Die(report_fd, "execute");
}

int ExitCodeOf(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

UniqueFd InputFile(const std::string& input) {
  UniqueFd fd(::memfd_create("input", MFD_CLOEXEC));
  [[maybe_unused]] const ssize_t written = ::write(fd.get(), input.data(), input.size());
  ::lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

}  // namespace

absl::StatusOr<Process> Process::Start(const ProcessSpec& spec) {
  const std::string program = FindProgram(spec.argv.at(0), spec.env);
  const std::vector<char*> argv = Pointers(spec.argv);
  const std::vector<char*> env = Pointers(spec.env);
  UniqueFd cgroup;
  if (!spec.cgroup.empty()) {
    cgroup.reset(::open(absl::StrCat(spec.cgroup, "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
    if (!cgroup.valid()) return ErrnoError(errno, absl::StrCat("open cgroup ", spec.cgroup));
  }
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return ErrnoError(errno, "open a pipe");
  const UniqueFd report_read(ends[0]);
  UniqueFd report_write(ends[1]);
  // _Fork() runs no atfork handlers: other threads of ours may hold locks that nobody needs before exec.
  const pid_t pid = ::_Fork();
  if (pid < 0) return ErrnoError(errno, absl::StrCat("start ", spec.argv[0]));
  if (pid == 0) RunChild(spec, program.c_str(), argv.data(), env.data(), cgroup.get(), report_write.get());
  report_write.reset();
  Process process(pid, UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))));
  ChildFailure failure{};
  if (::read(report_read.get(), &failure, sizeof failure) == sizeof failure) {
    process.Wait();
    return ErrnoError(failure.error, absl::StrCat("start ", spec.argv[0], ": ", failure.step));
  }
  return process;
}

void Process::Signal(int signal) const {
  ::syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0);
}

int Process::Wait() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  return ExitCodeOf(status);
}

bool Process::WaitFor(int timeout_ms, int* exit_code) {
  pollfd interest{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&interest, 1, timeout_ms) <= 0) return false;
  *exit_code = Wait();
  return true;
}

absl::StatusOr<CommandResult> RunCommand(ProcessSpec spec, const std::string& input, int timeout_ms) {
  const std::string what = absl::StrJoin(spec.argv, " ");
  int out[2];
  int err[2];
  if (::pipe2(out, O_CLOEXEC) != 0) return ErrnoError(errno, "open a pipe");
  UniqueFd out_read(out[0]);
  UniqueFd out_write(out[1]);
  if (::pipe2(err, O_CLOEXEC) != 0) return ErrnoError(errno, "open a pipe");
  UniqueFd err_read(err[0]);
  UniqueFd err_write(err[1]);
  const UniqueFd in = InputFile(input);
  spec.stdin_fd = in.get();
  spec.stdout_fd = out_write.get();
  spec.stderr_fd = err_write.get();
  ASSIGN_OR_RETURN(Process process, Process::Start(spec));
  out_write.reset();
  err_write.reset();

  CommandResult result;
  const int64_t deadline_ns = SystemClock().MonotonicNs() + int64_t{timeout_ms} * 1'000'000;
  const auto drain = [](UniqueFd& fd, std::string& text) {
    char buffer[4096];
    const ssize_t count = ::read(fd.get(), buffer, sizeof buffer);
    if (count > 0) text.append(buffer, static_cast<size_t>(count));
    if (count <= 0) fd.reset();
  };
  while (out_read.valid() || err_read.valid()) {
    pollfd interests[] = {{.fd = out_read.get(), .events = POLLIN, .revents = 0},
                          {.fd = err_read.get(), .events = POLLIN, .revents = 0}};
    const int64_t left_ms = (deadline_ns - SystemClock().MonotonicNs()) / 1'000'000;
    if (left_ms <= 0 || ::poll(interests, 2, static_cast<int>(left_ms)) == 0) {
      process.Signal(SIGKILL);
      process.Wait();
      return absl::DeadlineExceededError(
          absl::StrCat(what, ": still running after ", timeout_ms, " ms, killed"));
    }
    if (interests[0].revents != 0) drain(out_read, result.out);
    if (interests[1].revents != 0) drain(err_read, result.err);
  }
  result.exit_code = process.Wait();
  return result;
}

std::vector<std::string> CurrentEnvironment() {
  std::vector<std::string> env;
  for (char** entry = ::environ; *entry != nullptr; ++entry) env.emplace_back(*entry);
  return env;
}

}  // namespace fairlead::lab
