#include "cli/probe/attempt.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/clock.h"
#include "base/unique_fd.h"
#include "cli/probe/socket.h"

namespace fairlead::probe {

// One attempt on its way: connecting -> sent, waiting -> done.
class Attempt {
 public:
  Attempt(const Target& target, const AttemptOptions& options, int64_t now_ns)
      : target_(target), options_(options), begin_ns_(now_ns) {
    Start(now_ns);
  }

  bool done() const { return done_; }
  pollfd Interest() const {
    return {.fd = fd_.get(), .events = static_cast<int16_t>(connecting_ ? POLLOUT : POLLIN), .revents = 0};
  }
  const Outcome& outcome() const { return outcome_; }
  int64_t deadline_ns() const { return begin_ns_ + int64_t{options_.timeout_ms} * 1'000'000; }

  void OnEvent(int64_t now_ns) {
    if (connecting_) {
      int error = 0;
      socklen_t length = sizeof error;
      ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
      if (error != 0) return Fail(error, now_ns);
      connecting_ = false;
      connected_ = target_.protocol != Protocol::kUdp;
      Send(now_ns);
    } else {
      Receive(now_ns);
    }
  }

  void OnTimeout(int64_t now_ns) {
    Finish(Result::kTimeout, now_ns, connected_ ? "connected, but no answer" : "no answer");
  }

 private:
  void Start(int64_t now_ns) {
    const SocketAddress address = SocketAddress::Of(target_.address, target_.port);
    auto socket = OpenSocket(address.storage.ss_family, target_.protocol);
    if (!socket.ok()) return Finish(Result::kLocalError, now_ns, std::string(socket.status().message()));
    fd_ = std::move(*socket);
    if (options_.source_port != 0 && !BindSource(address.storage.ss_family)) {
      return Finish(Result::kLocalError, now_ns,
                    absl::StrCat("bind source port ", options_.source_port, ": ", std::strerror(errno)));
    }
    if (::connect(fd_.get(), address.get(), address.length) == 0) {
      connecting_ = false;
      connected_ = target_.protocol != Protocol::kUdp;
      return Send(now_ns);
    }
    if (errno != EINPROGRESS) Fail(errno, now_ns);
  }

  bool BindSource(int family) {
    const int on = 1;
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const IpAddress any = family == AF_INET ? IpAddress::FromV4(0) : IpAddress();
    const SocketAddress source = SocketAddress::Of(any, options_.source_port);
    return ::bind(fd_.get(), source.get(), source.length) == 0;
  }

  void Send(int64_t now_ns) {
    if (options_.send.empty() && target_.protocol != Protocol::kUdp) return Finish(Result::kOk, now_ns, "");
    const std::string line = absl::StrCat(options_.send, "\n");
    if (::send(fd_.get(), line.data(), line.size(), MSG_NOSIGNAL) < 0) Fail(errno, now_ns);
  }

  void Receive(int64_t now_ns) {
    char buffer[2048];
    const ssize_t count = ::recv(fd_.get(), buffer, sizeof buffer, 0);
    if (count < 0) {
      if (errno != EAGAIN) Fail(errno, now_ns);
      return;
    }
    outcome_.answer.append(buffer, static_cast<size_t>(count));
    const size_t end = outcome_.answer.find('\n');
    if (end == std::string::npos && count > 0 && target_.protocol != Protocol::kUdp) return;
    if (end == std::string::npos && outcome_.answer.empty()) {
      return Finish(Result::kClosed, now_ns, "the server closed before it answered");
    }
    outcome_.answer.resize(std::min(end, outcome_.answer.size()));
    const std::vector<std::string> words = absl::StrSplit(outcome_.answer, absl::MaxSplits(' ', 2));
    if (words.size() == 3) {
      outcome_.host = words[0];
      outcome_.seen_as = words[1];
    }
    if (outcome_.answer.find(options_.expect) == std::string::npos) {
      return Finish(Result::kUnexpected, now_ns, absl::StrCat("answered '", outcome_.answer, "'"));
    }
    Finish(Result::kOk, now_ns, "");
  }

  void Fail(int error, int64_t now_ns) {
    Finish(ResultOfErrno(error, connected_), now_ns, std::strerror(error));
  }

  void Finish(Result result, int64_t now_ns, std::string detail) {
    outcome_.result = result;
    outcome_.latency_ms = static_cast<double>(now_ns - begin_ns_) / 1e6;
    outcome_.detail = std::move(detail);
    done_ = true;
    fd_.reset();
  }

  Target target_;
  const AttemptOptions& options_;
  int64_t begin_ns_;
  UniqueFd fd_;
  bool connecting_ = true;
  bool connected_ = false;
  bool done_ = false;
  Outcome outcome_;
};

const char* ToString(Result result) {
  switch (result) {
    case Result::kOk:
      return "ok";
    case Result::kRefused:
      return "refused";
    case Result::kTimeout:
      return "timeout";
    case Result::kUnreachable:
      return "unreachable";
    case Result::kReset:
      return "reset";
    case Result::kClosed:
      return "closed";
    case Result::kUnexpected:
      return "unexpected";
    case Result::kLocalError:
      return "error";
  }
  return "?";
}

Result ResultOfErrno(int error, bool connected) {
  switch (error) {
    case ECONNREFUSED:
      return Result::kRefused;
    case ECONNRESET:
    case EPIPE:
      return connected ? Result::kReset : Result::kRefused;
    case ETIMEDOUT:
      return Result::kTimeout;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EACCES:
    case EPERM:
      return Result::kUnreachable;
    default:
      return Result::kLocalError;
  }
}

Prober::Prober(const AttemptOptions& options) : options_(options) {}
Prober::~Prober() = default;

void Prober::Start(const Target& target, size_t id) {
  attempts_[id] = std::make_unique<Attempt>(target, options_, SystemClock().MonotonicNs());
}

void Prober::Run(int64_t until_ns, const std::function<void(size_t, const Outcome&)>& done) {
  const Clock& clock = SystemClock();
  while (!attempts_.empty()) {
    std::vector<pollfd> interests;
    std::vector<size_t> ids;
    int64_t wake_ns = until_ns;
    for (const auto& [id, attempt] : attempts_) {
      interests.push_back(attempt->Interest());
      ids.push_back(id);
      wake_ns = attempt->done() ? 0 : std::min(wake_ns, attempt->deadline_ns());
    }
    // Rounded up, so that the time has come when poll() times out.
    const int64_t left_ms = std::max<int64_t>(0, (wake_ns - clock.MonotonicNs() + 999'999) / 1'000'000);
    const int ready = ::poll(interests.data(), interests.size(), static_cast<int>(left_ms));
    const int64_t now_ns = clock.MonotonicNs();
    for (size_t i = 0; i < ids.size(); ++i) {
      Attempt& attempt = *attempts_[ids[i]];
      if (!attempt.done() && ready > 0 && interests[i].revents != 0) attempt.OnEvent(now_ns);
      if (!attempt.done() && now_ns >= attempt.deadline_ns()) attempt.OnTimeout(now_ns);
      if (!attempt.done()) continue;
      done(ids[i], attempt.outcome());
      attempts_.erase(ids[i]);
    }
    if (now_ns >= until_ns) return;
  }
}

std::vector<Outcome> Probe(const std::vector<Target>& targets, const AttemptOptions& options) {
  std::vector<Outcome> outcomes(targets.size());
  Prober prober(options);
  for (size_t i = 0; i < targets.size(); ++i) prober.Start(targets[i], i);
  prober.Run(INT64_MAX, [&](size_t id, const Outcome& outcome) { outcomes[id] = outcome; });
  return outcomes;
}

}  // namespace fairlead::probe
