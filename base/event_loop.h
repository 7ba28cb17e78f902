// The one thread that owns a process's state: others post closures to it; descriptors and timers call
// back on it. Nothing that it owns needs a lock. It sleeps until there is something to do.
//
//   loop.After(std::chrono::seconds(1), [&] { Verify(); });
//   absl::StatusOr<int> count = loop.Call<int>(timeout, [&] { return pods.size(); });  // other threads
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace fairlead {

class EventLoop {
 public:
  using Callback = std::function<void()>;
  using TimerId = uint64_t;  // never 0

  static absl::StatusOr<std::unique_ptr<EventLoop>> Create();

  // From any thread, in order. What is posted after the end of Run is called by Drain, or never.
  void Post(Callback callback);
  // From any thread: Run returns after the current round of callbacks.
  void Stop();

  // The rest only on the loop's thread, or while none runs it.
  // `callback` runs while `fd` is readable or hung up; Unwatch before closing it.
  absl::Status Watch(int fd, Callback callback);
  void Unwatch(int fd);
  // Runs `callback` once, never early: at CLOCK_MONOTONIC `deadline_ns` (what has passed: at once), or
  // `delay` from now.
  TimerId At(int64_t deadline_ns, Callback callback);
  TimerId After(std::chrono::nanoseconds delay, Callback callback);
  // No effect on a timer that has run, is cancelled, or is 0.
  void Cancel(TimerId timer);

  void Run();
  // Runs what has been posted and not run.
  void Drain();

  // From another thread: runs `function` on the loop and returns what it returns. DEADLINE_EXCEEDED
  // when the loop has not got to it in time; it may still run afterwards, so that `function` must own
  // what it uses.
  template <typename T>
  absl::StatusOr<T> Call(std::chrono::milliseconds timeout, std::function<T()> function) {
    auto promise = std::make_shared<std::promise<T>>();
    std::future<T> future = promise->get_future();
    Post([promise, function = std::move(function)] { promise->set_value(function()); });
    if (future.wait_for(timeout) != std::future_status::ready) {
      return absl::DeadlineExceededError("the state thread is busy or stopping");
    }
    return future.get();
  }

 private:
  struct Timer {
    TimerId id = 0;
    Callback callback;
  };

  EventLoop(UniqueFd epoll, UniqueFd wake) : epoll_(std::move(epoll)), wake_(std::move(wake)) {}
  void Wake() const;
  void RunTimers();

  UniqueFd epoll_, wake_;
  std::atomic<bool> stopped_ = false;
  std::mutex mutex_;
  std::vector<Callback> posted_;  // guarded by mutex_
  std::map<int, std::shared_ptr<Callback>> watched_;
  std::multimap<int64_t, Timer> timers_;  // by CLOCK_MONOTONIC deadline
  TimerId last_timer_ = 0;
};

}  // namespace fairlead
