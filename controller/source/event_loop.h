// One thread that owns the controller's state: others post closures to it, descriptors and timers
// call back on it. It waits in poll(); nothing here polls by the clock.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace fairlead::controller {

class EventLoop {
 public:
  using Callback = std::function<void()>;

  static absl::StatusOr<std::unique_ptr<EventLoop>> Create();

  // From any thread, also after the loop has ended (then `callback` runs in Drain). In order.
  void Post(Callback callback);
  // From any thread or a signal handler: Run returns after the current callback.
  void Stop();

  // Only before Run, or on the loop's thread. `callback` runs whenever `fd` is readable.
  void Watch(int fd, Callback callback);
  // Runs `callback` once, at CLOCK_MONOTONIC `deadline_ns`; a second call for the same name replaces
  // the first.
  void At(const char* name, int64_t deadline_ns, Callback callback);

  void Run();
  // What was posted after the end of Run.
  void Drain() { RunPosted(); }

 private:
  struct Timer {
    int64_t deadline_ns = 0;
    Callback callback;
  };

  explicit EventLoop(UniqueFd wake) : wake_(std::move(wake)) {}
  void RunPosted();
  void RunTimers();
  timespec Wait() const;  // until the next timer
  void Wake() const;

  UniqueFd wake_;  // eventfd
  std::mutex mutex_;
  std::vector<Callback> posted_;
  std::atomic<bool> stopped_ = false;
  std::map<int, Callback> watched_;
  std::map<std::string, Timer> timers_;
};

}  // namespace fairlead::controller
