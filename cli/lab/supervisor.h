// Keeps the lab's programs running: the controller and one agent a node. One that ends is started again
// after a moment, as a DaemonSet would be; `lab kill` can hold that back.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "base/unique_fd.h"
#include "cli/lab/paths.h"
#include "cli/lab/process.h"

namespace fairlead::lab {

struct ComponentSpec {
  std::string name;  // "controller", "agent-NODE"
  ProcessSpec process;
};

struct ComponentStatus {
  std::string name;
  int pid = 0;  // 0: not running
  int restarts = 0;
  std::string message;  // how it ended last
};

std::string ComponentsToJsonText(const std::vector<ComponentStatus>& components);
absl::StatusOr<std::vector<ComponentStatus>> ComponentsFromJsonText(const std::string& text);

// The component's file paths.hold(name) keeps it from being started: a monotonic time in nanoseconds.
class Supervisor {
 public:
  Supervisor(const Paths& paths, std::vector<ComponentSpec> specs);
  // Ends the thread; the programs run on.
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

 private:
  struct Component {
    ComponentSpec spec;
    ComponentStatus status;
    std::optional<Process> process;
    int64_t start_at_ns = 0;
    int64_t started_ns = 0;
    int quick_ends = 0;  // in a row, for the back-off
  };

  void Run();
  bool Advance(Component& component);
  absl::Status Start(Component& component);
  int64_t HeldUntil(const Component& component) const;
  void Publish() const;
  void WaitForWork();

  const Paths paths_;
  std::vector<Component> components_;
  UniqueFd wake_;
  std::atomic<bool> ending_ = false;
  std::thread thread_;
};

}  // namespace fairlead::lab
