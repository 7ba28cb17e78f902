#include "controller/source/event_loop.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/memory/memory.h"
#include "base/clock.h"
#include "base/status_macros.h"

namespace fairlead::controller {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kForeverNs = 3600 * kNsPerSecond;

}  // namespace

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create() {
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) return ErrnoError(errno, "create an eventfd");
  return absl::WrapUnique(new EventLoop(std::move(wake)));
}

void EventLoop::Wake() const {
  uint64_t one = 1;
  // Full means that a wake-up is pending already.
  [[maybe_unused]] ssize_t written = ::write(wake_.get(), &one, sizeof(one));
}

void EventLoop::Post(Callback callback) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    posted_.push_back(std::move(callback));
  }
  Wake();
}

void EventLoop::Stop() {
  stopped_ = true;
  Wake();
}

void EventLoop::Watch(int fd, Callback callback) {
  watched_[fd] = std::move(callback);
}

void EventLoop::At(const char* name, int64_t deadline_ns, Callback callback) {
  timers_[name] = {deadline_ns, std::move(callback)};
}

void EventLoop::RunPosted() {
  std::vector<Callback> batch;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    batch.swap(posted_);
  }
  for (Callback& callback : batch) callback();
}

void EventLoop::RunTimers() {
  int64_t now = SystemClock().MonotonicNs();
  std::vector<Callback> due;
  for (auto timer = timers_.begin(); timer != timers_.end();) {
    if (timer->second.deadline_ns > now) {
      ++timer;
      continue;
    }
    due.push_back(std::move(timer->second.callback));
    timer = timers_.erase(timer);
  }
  for (Callback& callback : due) callback();
}

timespec EventLoop::Wait() const {
  int64_t wait_ns = kForeverNs;
  const int64_t now = SystemClock().MonotonicNs();
  for (const auto& [name, timer] : timers_) {
    wait_ns = std::min(wait_ns, std::max<int64_t>(0, timer.deadline_ns - now));
  }
  return {.tv_sec = wait_ns / kNsPerSecond, .tv_nsec = wait_ns % kNsPerSecond};
}

void EventLoop::Run() {
  while (!stopped_) {
    std::vector<pollfd> fds = {{wake_.get(), POLLIN, 0}};
    for (const auto& [fd, callback] : watched_) fds.push_back({fd, POLLIN, 0});
    const timespec wait = Wait();
    if (::ppoll(fds.data(), fds.size(), &wait, nullptr) < 0 && errno != EINTR) break;
    if (fds[0].revents != 0) {
      uint64_t count = 0;
      [[maybe_unused]] ssize_t got = ::read(wake_.get(), &count, sizeof(count));
    }
    RunPosted();
    for (size_t i = 1; i < fds.size(); ++i) {
      if (fds[i].revents != 0) watched_.at(fds[i].fd)();
    }
    RunTimers();
  }
}

}  // namespace fairlead::controller
