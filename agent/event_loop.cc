#include "agent/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/memory/memory.h"
#include "base/clock.h"
#include "base/status_macros.h"

namespace fairlead::agent {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;

}  // namespace

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create() {
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return ErrnoError(errno, "create an epoll instance");
  UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) return ErrnoError(errno, "create an eventfd");
  const int wake_fd = wake.get();
  auto loop = absl::WrapUnique(new EventLoop(std::move(epoll), std::move(wake)));
  RETURN_IF_ERROR(loop->Watch(wake_fd, [wake_fd] {
    eventfd_t ignored;
    eventfd_read(wake_fd, &ignored);
  }));
  return loop;
}

void EventLoop::Wake() const {
  // Full means that a wake-up is pending already.
  eventfd_write(wake_.get(), 1);
}

void EventLoop::Post(Callback callback) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    posted_.push_back(std::move(callback));
  }
  Wake();
}

void EventLoop::Stop() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
  }
  Wake();
}

absl::Status EventLoop::Watch(int fd, Callback callback) {
  epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return ErrnoError(errno, "watch a descriptor");
  watched_[fd] = std::make_shared<Callback>(std::move(callback));
  return absl::OkStatus();
}

void EventLoop::Unwatch(int fd) {
  if (watched_.erase(fd) > 0) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

EventLoop::TimerId EventLoop::After(std::chrono::nanoseconds delay, Callback callback) {
  const TimerId id = ++last_timer_;
  timers_.emplace(SystemClock().MonotonicNs() + delay.count(), Timer{id, std::move(callback)});
  return id;
}

void EventLoop::Cancel(TimerId timer) {
  auto found = std::find_if(timers_.begin(), timers_.end(),
                            [&](const auto& entry) { return entry.second.id == timer; });
  if (found != timers_.end()) timers_.erase(found);
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
  const int64_t now = SystemClock().MonotonicNs();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    Callback callback = std::move(timers_.begin()->second.callback);
    timers_.erase(timers_.begin());
    callback();
  }
}

int EventLoop::WaitMs() const {
  if (timers_.empty()) return -1;
  const int64_t left_ns = timers_.begin()->first - SystemClock().MonotonicNs();
  return static_cast<int>(std::clamp<int64_t>((left_ns + kNsPerMs - 1) / kNsPerMs, 0, INT32_MAX));
}

void EventLoop::Run() {
  std::array<epoll_event, 64> events;
  while (true) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (stopped_) return;
    }
    const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), WaitMs());
    for (int i = 0; i < count; ++i) {
      // An earlier callback may have dropped this one; and one may drop itself.
      auto found = watched_.find(events[i].data.fd);
      if (found == watched_.end()) continue;
      const std::shared_ptr<Callback> callback = found->second;
      (*callback)();
    }
    RunPosted();
    RunTimers();
  }
}

}  // namespace fairlead::agent
