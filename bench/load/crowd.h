// A crowd of connections: many that live long and exchange a message now and then, and a steady rate of
// new ones. It tells whether anything is lost, reset, refused or slower while something happens to the
// node beneath.
//
// Open loop: new connections start when it is their time, whether or not earlier ones are done, and
// their latency counts from that time.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "bench/load/endpoint.h"
#include "bench/load/histogram.h"

namespace fairlead::bench {

struct CrowdOptions {
  SocketAddress server;
  int connections = 10'000;         // that live throughout
  double exchanges_per_second = 1;  // of each of them
  double new_per_second = 2'000;    // connect, request, response, close
  double seconds = 10;
  double patience_seconds = 3;  // an answer that takes longer counts as lost
};

struct CrowdResult {
  uint64_t held = 0;       // long-lived connections that were made
  uint64_t broken = 0;     // of these, reset or closed by the other side
  uint64_t lost = 0;       // of these, without an answer at the end
  uint64_t exchanges = 0;  // on them
  uint64_t new_connections = 0;
  uint64_t new_failed = 0;  // refused, reset, or not done in time
  Histogram exchange_latency;
  Histogram new_latency;

  std::string ToJson() const;
};

// Prints "running" on stdout when all long-lived connections are made and the time begins.
absl::StatusOr<CrowdResult> RunCrowd(const CrowdOptions& options);

}  // namespace fairlead::bench
