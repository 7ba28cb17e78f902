#include "cli/probe/stream.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/clock.h"
#include "base/unique_fd.h"
#include "cli/probe/socket.h"

namespace fairlead::probe {
namespace {

constexpr int64_t kMs = 1'000'000;

int64_t Now() {
  return SystemClock().MonotonicNs();
}

bool Readable(int fd) {
  pollfd interest{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&interest, 1, 0) > 0;
}

// Collects answers into a report.
class Tally {
 public:
  Tally() : last_answer_ns_(Now()) {}

  void Answered(const std::string& host, double latency_ms) {
    const int64_t now_ns = Now();
    report.samples.push_back({now_ns - static_cast<int64_t>(latency_ms * kMs), latency_ms});
    report.answered++;
    report.hosts[host]++;
    report.longest_gap_ms = std::max(report.longest_gap_ms, MsSinceAnswer(now_ns));
    last_answer_ns_ = now_ns;
  }
  double MsSinceAnswer(int64_t now_ns) const { return static_cast<double>(now_ns - last_answer_ns_) / kMs; }

  StreamReport Finish() {
    std::vector<double> latencies;
    latencies.reserve(report.samples.size());
    for (const StreamSample& sample : report.samples) latencies.push_back(sample.latency_ms);
    std::sort(latencies.begin(), latencies.end());
    report.p50_ms = Percentile(latencies, 0.5);
    report.p99_ms = Percentile(latencies, 0.99);
    report.max_ms = latencies.empty() ? 0 : latencies.back();
    report.lost = report.sent - report.answered;
    return report;
  }

  StreamReport report;

 private:
  int64_t last_answer_ns_;
};

// One connected socket on which numbered lines go out and come back.
class Line {
 public:
  // Connects, waiting up to timeout_ms.
  Result Connect(const Target& target, int timeout_ms, std::string* detail) {
    protocol_ = target.protocol;
    const SocketAddress address = SocketAddress::Of(target.address, target.port);
    auto socket = OpenSocket(address.storage.ss_family, target.protocol);
    if (!socket.ok()) {
      *detail = std::string(socket.status().message());
      return Result::kLocalError;
    }
    fd_ = std::move(*socket);
    int error = ::connect(fd_.get(), address.get(), address.length) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
      pollfd interest{.fd = fd_.get(), .events = POLLOUT, .revents = 0};
      error = ETIMEDOUT;
      socklen_t length = sizeof error;
      if (::poll(&interest, 1, timeout_ms) > 0)
        ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    }
    if (error == 0) return Result::kOk;
    *detail = std::strerror(error);
    return ResultOfErrno(error, false);
  }

  int fd() const { return fd_.get(); }

  // 0 or an errno. A full buffer counts as sent: the answers tell.
  int Send(uint64_t number) {
    const std::string line = absl::StrCat(number, "\n");
    if (::send(fd_.get(), line.data(), line.size(), MSG_NOSIGNAL) >= 0 || errno == EAGAIN) return 0;
    return errno;
  }

  // Numbers that came back with the host that sent them; sets `error` to an errno, or `closed`.
  std::vector<std::pair<uint64_t, std::string>> Receive(int* error, bool* closed) {
    std::vector<std::pair<uint64_t, std::string>> answers;
    char buffer[16 * 1024];
    ssize_t count;
    while ((count = ::recv(fd_.get(), buffer, sizeof buffer, 0)) > 0)
      in_.append(buffer, static_cast<size_t>(count));
    if (count == 0) *closed = true;
    if (count < 0 && errno != EAGAIN) *error = errno;
    size_t begin = 0;
    for (size_t end; (end = in_.find('\n', begin)) != std::string::npos; begin = end + 1) {
      const std::vector<std::string> words = absl::StrSplit(in_.substr(begin, end - begin), ' ');
      uint64_t number = 0;
      if (words.size() == 3 && absl::SimpleAtoi(words[2], &number)) answers.emplace_back(number, words[0]);
    }
    in_.erase(0, begin);
    return answers;
  }

 private:
  UniqueFd fd_;
  Protocol protocol_ = Protocol::kTcp;
  std::string in_;
};

StreamReport RunOverOneConnection(const Target& target, const StreamOptions& options, int stop_fd) {
  Tally tally;
  StreamReport& report = tally.report;
  Line line;
  report.end = line.Connect(target, options.timeout_ms, &report.detail);
  if (report.end != Result::kOk) return tally.Finish();
  const bool datagrams = target.protocol == Protocol::kUdp;

  std::map<uint64_t, int64_t> waiting;  // number -> when it was sent
  const int64_t begin_ns = Now();
  const int64_t end_ns = options.duration_ms == 0 ? INT64_MAX : begin_ns + options.duration_ms * kMs;
  int64_t next_ns = begin_ns;
  int64_t linger_ns = 0;  // when sending is over: until when to wait for the last answers
  bool stopping = false;
  while (true) {
    const int64_t now_ns = Now();
    stopping = stopping || now_ns >= end_ns || Readable(stop_fd);
    if (stopping && linger_ns == 0) linger_ns = now_ns + options.timeout_ms * kMs;
    if (stopping && (waiting.empty() || now_ns >= linger_ns)) break;
    int error = 0;
    bool closed = false;
    if (!stopping && now_ns >= next_ns) {
      waiting[report.sent] = now_ns;
      error = line.Send(report.sent++);
      next_ns += options.interval_ms * kMs;
    }
    pollfd interests[] = {{.fd = line.fd(), .events = POLLIN, .revents = 0},
                          {.fd = stopping ? -1 : stop_fd, .events = POLLIN, .revents = 0}};
    const int64_t wake_ns = stopping ? linger_ns : std::min(next_ns, end_ns);
    const timespec wait{.tv_sec = 0, .tv_nsec = std::clamp<int64_t>(wake_ns - Now(), 0, 500 * kMs)};
    ::ppoll(interests, 2, &wait, nullptr);
    for (const auto& [number, host] : line.Receive(&error, &closed)) {
      const auto sent = waiting.find(number);
      if (sent == waiting.end()) continue;  // a duplicate
      tally.Answered(host, static_cast<double>(Now() - sent->second) / kMs);
      waiting.erase(sent);
    }
    if (error != 0 && datagrams) report.failures[ToString(ResultOfErrno(error, false))]++;
    if (error != 0 && !datagrams) {
      report.end = ResultOfErrno(error, true);
      report.detail = std::strerror(error);
      break;
    }
    if (closed && !datagrams) {
      report.end = Result::kClosed;
      report.detail = "the server closed the connection";
      break;
    }
    if (!datagrams && !waiting.empty() && Now() - waiting.begin()->second > options.timeout_ms * kMs) {
      report.end = Result::kTimeout;
      report.detail = absl::StrCat("no answer for ", options.timeout_ms, " ms");
      break;
    }
  }
  report.longest_gap_ms = std::max(report.longest_gap_ms, waiting.empty() ? 0 : tally.MsSinceAnswer(Now()));
  return tally.Finish();
}

StreamReport RunOverNewConnections(const Target& target, const StreamOptions& options, int stop_fd) {
  Tally tally;
  StreamReport& report = tally.report;
  Prober prober({.timeout_ms = options.timeout_ms});
  const auto done = [&](size_t, const Outcome& outcome) {
    if (outcome.result == Result::kOk) {
      tally.Answered(outcome.host, outcome.latency_ms);
    } else {
      report.failures[ToString(outcome.result)]++;
    }
  };
  const int64_t begin_ns = Now();
  int64_t next_ns = begin_ns;
  while (!Readable(stop_fd) && (options.duration_ms == 0 || Now() - begin_ns < options.duration_ms * kMs)) {
    prober.Start(target, report.sent++);
    next_ns += options.interval_ms * kMs;
    prober.Run(next_ns, done);
    const timespec wait{.tv_sec = 0, .tv_nsec = std::clamp<int64_t>(next_ns - Now(), 0, 500 * kMs)};
    pollfd interest{.fd = stop_fd, .events = POLLIN, .revents = 0};
    ::ppoll(&interest, 1, &wait, nullptr);
  }
  prober.Run(INT64_MAX, done);
  return tally.Finish();
}

}  // namespace

StreamReport RunStream(const Target& target, const StreamOptions& options, int stop_fd) {
  return options.new_connections ? RunOverNewConnections(target, options, stop_fd)
                                 : RunOverOneConnection(target, options, stop_fd);
}

double Percentile(const std::vector<double>& sorted, double p) {
  if (sorted.empty()) return 0;
  return sorted[std::min(sorted.size() - 1, static_cast<size_t>(p * static_cast<double>(sorted.size())))];
}

}  // namespace fairlead::probe
