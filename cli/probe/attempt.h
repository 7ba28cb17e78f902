// Probing: one question to each of many targets at a time, and what became of it.
//
// A question is a connection (TCP, SCTP) or a datagram (UDP) that carries one line; a probe server
// answers "HOST CLIENT-ADDRESS LINE". With `send` empty a TCP attempt ends when it is connected.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cli/probe/target.h"

namespace fairlead::probe {

// Exit codes of `fairlead-probe connect` are these numbers.
enum class Result {
  kOk = 0,
  kRefused = 1,      // reset on connect, or ICMP port unreachable
  kTimeout = 2,      // no answer: dropped on the way
  kUnreachable = 3,  // no route, or ICMP unreachable
  kReset = 4,        // an established connection was reset
  kClosed = 5,       // the server closed before it answered
  kUnexpected = 6,   // the answer lacks what was expected
  kLocalError = 7,   // the attempt could not be made; see Outcome::detail
};

// "ok", "refused", ...
const char* ToString(Result result);
// What an errno of a socket means; `connected`: after the connection was established.
Result ResultOfErrno(int error, bool connected);

struct AttemptOptions {
  int timeout_ms = 1000;
  std::string send = "ping";
  std::string expect;        // a part of the answer; empty: any answer
  uint16_t source_port = 0;  // 0: any
};

struct Outcome {
  Result result = Result::kLocalError;
  std::string answer;     // the whole line
  std::string host;       // who answered
  std::string seen_as;    // our address as the server saw it, "10.0.0.1:40000"
  double latency_ms = 0;  // from the attempt's start to its end
  std::string detail;     // what the system said, for people
};

class Attempt;

// Attempts that run side by side, started one by one.
class Prober {
 public:
  explicit Prober(const AttemptOptions& options);
  ~Prober();
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  // Starts an attempt; `id` comes back with its outcome.
  void Start(const Target& target, size_t id);
  // Hands outcomes to `done` until the monotonic clock reads `until_ns`, or none is under way.
  void Run(int64_t until_ns, const std::function<void(size_t id, const Outcome&)>& done);
  bool idle() const { return attempts_.empty(); }

 private:
  AttemptOptions options_;
  std::map<size_t, std::unique_ptr<Attempt>> attempts_;
};

// All at once; returns in the order of `targets`, at the latest timeout_ms after the call.
std::vector<Outcome> Probe(const std::vector<Target>& targets, const AttemptOptions& options);

}  // namespace fairlead::probe
