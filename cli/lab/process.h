// Programs in other namespaces: started with everything settled before exec, owned by pid and pidfd.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace fairlead::lab {

inline constexpr int64_t kNsPerMs = 1'000'000;

struct ProcessSpec {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH
  std::vector<std::string> env;   // "NAME=value": the whole environment
  int netns_fd = -1;              // -1: our own
  std::string cgroup;             // cgroup folder to join; empty: ours
  std::string hostname;           // in a UTS namespace of its own; empty: ours
  std::string hosts_file;         // seen as /etc/hosts; empty: the machine's
  std::string working_dir;        // empty: ours
  int stdin_fd = -1;              // -1: ours, as for the others
  int stdout_fd = -1;
  int stderr_fd = -1;
  bool new_session = false;
};

// A child of this process. Going out of scope neither stops nor reaps it.
class Process {
 public:
  // NOT_FOUND when the program does not exist; every other step that fails is named.
  static absl::StatusOr<Process> Start(const ProcessSpec& spec);

  pid_t pid() const { return pid_; }
  // Readable when the process has ended.
  int pidfd() const { return pidfd_.get(); }
  void Signal(int signal) const;
  // Reaps it; blocks until it has ended. The exit code, or 128 + signal as shells say it.
  int Wait();
  // True, and then reaped, if it ends within the time.
  bool WaitFor(int timeout_ms, int* exit_code);

 private:
  Process(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}

  pid_t pid_;
  UniqueFd pidfd_;
};

struct CommandResult {
  int exit_code = 0;
  std::string out;
  std::string err;
};

// Runs to the end with `input` on stdin and collects what it says; kills it after `timeout_ms`
// (DEADLINE_EXCEEDED).
absl::StatusOr<CommandResult> RunCommand(ProcessSpec spec, const std::string& input, int timeout_ms);

// Our environment as ProcessSpec wants it.
std::vector<std::string> CurrentEnvironment();

}  // namespace fairlead::lab
