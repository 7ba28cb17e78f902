// A steady exchange under which things are restarted and changed: numbered messages at an interval over
// one connection, or a new connection for each, and what was lost, how late, and where the gaps were.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cli/probe/attempt.h"
#include "cli/probe/target.h"

namespace fairlead::probe {

struct StreamOptions {
  int interval_ms = 10;
  int duration_ms = 5000;  // 0: until stopped
  int timeout_ms = 2000;   // without any answer for so long a connection counts as ended
  bool new_connections = false;
};

struct StreamSample {
  int64_t sent_ns = 0;  // CLOCK_MONOTONIC, the same for everything on this machine
  double latency_ms = 0;
};

struct StreamReport {
  uint64_t sent = 0;
  uint64_t answered = 0;
  uint64_t lost = 0;          // sent and not answered; UDP and new connections go on after a loss
  double longest_gap_ms = 0;  // between two answers
  double p50_ms = 0, p99_ms = 0, max_ms = 0;
  std::map<std::string, uint64_t> hosts;     // answers by who gave them
  std::map<std::string, uint64_t> failures;  // ToString(Result) of attempts that failed
  std::vector<StreamSample> samples;         // every answer, in the order of their coming
  // kOk: it ran to its end, however much was lost.
  Result end = Result::kOk;
  std::string detail;
};

// Runs until the duration is over, the connection ends, or `stop_fd` is readable.
StreamReport RunStream(const Target& target, const StreamOptions& options, int stop_fd);

// What percentile `p` (0..1) of `sorted` is; 0 of nothing.
double Percentile(const std::vector<double>& sorted, double p);

}  // namespace fairlead::probe
