#include "bench/load/crowd.h"

#include <sys/epoll.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <deque>
#include <unordered_map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "bench/load/protocol.h"

namespace fairlead::bench {
namespace {

constexpr int kMessageBytes = 64;

class Crowd {
 public:
  explicit Crowd(const CrowdOptions& options) : options_(options) {}

  absl::StatusOr<CrowdResult> Run() {
    RETURN_IF_ERROR(Prepare());
    std::puts("running");
    std::fflush(stdout);
    const int64_t begin = NowNs();
    const int64_t end = begin + Nanoseconds(options_.seconds);
    const int64_t last = end + Nanoseconds(options_.patience_seconds);
    next_new_ns_ = options_.new_per_second > 0 ? begin : INT64_MAX;
    next_exchange_ns_ = held_.empty() ? INT64_MAX : begin;
    for (int64_t now = begin; now < end || (waiting_ > 0 && now < last); now = NowNs()) {
      if (now < end) StartDue(now);
      HandleEvents(now < end ? std::min(next_new_ns_, next_exchange_ns_) - now : kTick);
      ExpireNew(NowNs());
    }
    for (const Held& held : held_) result_.lost += held.open() && held.sent_ns != 0;
    result_.new_failed += news_.size();
    return std::move(result_);
  }

 private:
  struct Held {
    UniqueFd fd;
    int64_t sent_ns = 0;  // 0: no answer is awaited
    bool open() const { return fd.valid(); }
  };
  struct New {
    UniqueFd fd;
    int64_t due_ns = 0;
    bool requested = false;
  };
  static constexpr int64_t kTick = 10'000'000;
  static constexpr uint64_t kNewFlag = uint64_t{1} << 63;

  static int64_t Nanoseconds(double seconds) { return static_cast<int64_t>(seconds * 1e9); }

  absl::Status Prepare() {
    rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    epoll_ = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
    if (!epoll_.valid()) return ErrnoError(errno, "epoll_create1");
    for (int i = 0; i < options_.connections; ++i) {
      ASSIGN_OR_RETURN(UniqueFd fd, TcpSocket(options_.server.family()));
      RETURN_IF_ERROR(
          WrapError(Connect(fd.get(), options_.server), absl::StrCat("long-lived connection ", i + 1)));
      Watch(fd.get(), EPOLLIN, held_.size());
      held_.push_back({.fd = std::move(fd)});
    }
    result_.held = held_.size();
    return absl::OkStatus();
  }

  void Watch(int fd, uint32_t events, uint64_t id) const {
    epoll_event event{.events = events, .data = {.u64 = id}};
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
  }

  // Starts every exchange and connection whose time has come.
  void StartDue(int64_t now) {
    const int64_t new_apart = Nanoseconds(1 / options_.new_per_second);
    for (; next_new_ns_ <= now; next_new_ns_ += new_apart) StartNew(next_new_ns_);
    const int64_t exchange_apart =
        Nanoseconds(1 / (options_.exchanges_per_second * static_cast<double>(held_.size())));
    for (; next_exchange_ns_ <= now; next_exchange_ns_ += exchange_apart) {
      StartExchange(held_[next_held_], next_exchange_ns_);
      next_held_ = (next_held_ + 1) % held_.size();
    }
  }

  void StartExchange(Held& held, int64_t due_ns) {
    if (!held.open() || held.sent_ns != 0) return;
    const std::array<char, kMessageBytes> message{kEcho};
    if (write(held.fd.get(), message.data(), message.size()) != kMessageBytes) return Break(held);
    held.sent_ns = due_ns;
    ++waiting_;
  }

  void StartNew(int64_t due_ns) {
    ++result_.new_connections;
    auto fd = TcpSocket(options_.server.family(), SOCK_NONBLOCK);
    if (!fd.ok()) {
      ++result_.new_failed;
      return;
    }
    if (connect(fd->get(), options_.server.get(), options_.server.length) != 0 && errno != EINPROGRESS) {
      ++result_.new_failed;
      return;
    }
    const uint64_t id = next_new_id_++;
    Watch(fd->get(), EPOLLOUT, id | kNewFlag);
    news_.emplace(id, New{.fd = *std::move(fd), .due_ns = due_ns});
    new_order_.push_back({id, due_ns});
    ++waiting_;
  }

  // Waits for events at most `wait_ns`: the server shares our CPU.
  void HandleEvents(int64_t wait_ns) {
    std::array<epoll_event, 256> events;
    const timespec wait{.tv_nsec = std::clamp<int64_t>(wait_ns, 0, kTick)};
    const int count = epoll_pwait2(epoll_.get(), events.data(), events.size(), &wait, nullptr);
    for (int i = 0; i < count; ++i) {
      const uint64_t id = events[i].data.u64;
      if ((id & kNewFlag) != 0) {
        AdvanceNew(id & ~kNewFlag);
      } else {
        FinishExchange(held_[id]);
      }
    }
  }

  void FinishExchange(Held& held) {
    std::array<char, kMessageBytes> answer;
    const ssize_t got = read(held.fd.get(), answer.data(), answer.size());
    if (got <= 0) return Break(held);
    if (held.sent_ns == 0) return;
    result_.exchange_latency.Add(NowNs() - held.sent_ns);
    ++result_.exchanges;
    held.sent_ns = 0;
    --waiting_;
  }

  void Break(Held& held) {
    if (held.sent_ns != 0) --waiting_;
    held.sent_ns = 0;
    held.fd.reset();
    ++result_.broken;
  }

  void AdvanceNew(uint64_t id) {
    const auto found = news_.find(id);
    if (found == news_.end()) return;
    New& connection = found->second;
    std::array<char, kMessageBytes> message{kEchoAndClose};
    if (!connection.requested) {
      if (write(connection.fd.get(), message.data(), message.size()) != kMessageBytes)
        return EndNew(id, false);
      connection.requested = true;
      epoll_event event{.events = EPOLLIN, .data = {.u64 = id | kNewFlag}};
      epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.fd.get(), &event);
      return;
    }
    const ssize_t got = read(connection.fd.get(), message.data(), message.size());
    if (got < 0 && errno == EAGAIN) return;
    if (got == kMessageBytes) result_.new_latency.Add(NowNs() - connection.due_ns);
    EndNew(id, got == kMessageBytes);
  }

  void EndNew(uint64_t id, bool well) {
    if (!well) ++result_.new_failed;
    --waiting_;
    news_.erase(id);
  }

  void ExpireNew(int64_t now) {
    while (!new_order_.empty() && new_order_.front().due_ns + Nanoseconds(options_.patience_seconds) < now) {
      if (news_.contains(new_order_.front().id)) EndNew(new_order_.front().id, false);
      new_order_.pop_front();
    }
  }

  struct Due {
    uint64_t id;
    int64_t due_ns;
  };

  const CrowdOptions options_;
  CrowdResult result_;
  UniqueFd epoll_;
  std::vector<Held> held_;
  size_t next_held_ = 0;
  std::unordered_map<uint64_t, New> news_;
  std::deque<Due> new_order_;  // oldest first; entries that are done already are passed over
  uint64_t next_new_id_ = 0;
  int64_t next_new_ns_ = 0;
  int64_t next_exchange_ns_ = 0;
  uint64_t waiting_ = 0;  // answers awaited, of held and new connections
};

}  // namespace

std::string CrowdResult::ToJson() const {
  return absl::StrFormat(
      R"({"held":%d,"broken":%d,"lost":%d,"exchanges":%d,"new_connections":%d,"new_failed":%d,)"
      R"("exchange_latency":%s,"new_latency":%s})",
      held, broken, lost, exchanges, new_connections, new_failed, exchange_latency.ToJson(),
      new_latency.ToJson());
}

absl::StatusOr<CrowdResult> RunCrowd(const CrowdOptions& options) {
  return Crowd(options).Run();
}

}  // namespace fairlead::bench
