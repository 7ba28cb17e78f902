#include "base/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/memory/memory.h"
#include "base/clock.h"
#include "base/status_macros.h"

namespace fairlead {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;

// epoll_wait() rounds up to milliseconds, which is longer than some things take here.
int WaitUntil(int epoll, const int64_t* deadline_ns, epoll_event* events, int size) {
  if (deadline_ns == nullptr) return epoll_pwait2(epoll, events, size, nullptr, nullptr);
  const int64_t left_ns = std::max<int64_t>(0, *deadline_ns - SystemClock().MonotonicNs());
  const timespec left = {.tv_sec = left_ns / kNsPerSecond, .tv_nsec = left_ns % kNsPerSecond};
  return epoll_pwait2(epoll, events, size, &left, nullptr);
}

}  // namespace

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create() {
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return ErrnoError(errno, "create an epoll instance");
  // Once here, so that Run need not look for an error that would come back for ever.
  epoll_event none{};
  const int64_t now = 0;
  if (WaitUntil(epoll.get(), &now, &none, 1) < 0 && errno != EINTR) {
    return ErrnoError(errno, "epoll_pwait2 (Linux 5.11 or newer, and let through by seccomp)");
  }
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
  stopped_ = true;
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

EventLoop::TimerId EventLoop::At(int64_t deadline_ns, Callback callback) {
  const TimerId id = ++last_timer_;
  // A deadline of the past would have its turn in the round that sets it, and again if it sets itself.
  timers_.emplace(std::max(deadline_ns, SystemClock().MonotonicNs() + 1), Timer{id, std::move(callback)});
  return id;
}

EventLoop::TimerId EventLoop::After(std::chrono::nanoseconds delay, Callback callback) {
  return At(SystemClock().MonotonicNs() + delay.count(), std::move(callback));
}

void EventLoop::Cancel(TimerId timer) {
  auto found = std::find_if(timers_.begin(), timers_.end(),
                            [&](const auto& entry) { return entry.second.id == timer; });
  if (found != timers_.end()) timers_.erase(found);
}

void EventLoop::Drain() {
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

void EventLoop::Run() {
  std::array<epoll_event, 64> events;
  while (!stopped_) {
    const int count = WaitUntil(epoll_.get(), timers_.empty() ? nullptr : &timers_.begin()->first,
                                events.data(), static_cast<int>(events.size()));
    for (int i = 0; i < count; ++i) {
      // An earlier callback may have dropped this one; and one may drop itself.
      auto found = watched_.find(events[i].data.fd);
      if (found == watched_.end()) continue;
      const std::shared_ptr<Callback> callback = found->second;
      (*callback)();
    }
    Drain();
    RunTimers();
  }
}

}  // namespace fairlead
