// One client: TCP request/response, connect/request/response/close, stream, and UDP request/response,
// for a fixed time after a warm-up. One transaction at a time; latency is that of whole transactions.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "bench/load/endpoint.h"
#include "bench/load/histogram.h"

namespace fairlead::bench {

struct ClientOptions {
  SocketAddress server;
  double seconds = 3;
  double warm_up_seconds = 0.3;
  int message_bytes = 64;  // request and response alike, 1..kMaxMessageBytes
};

struct ClientResult {
  std::string workload;
  double seconds = 0;  // measured, without the warm-up
  uint64_t transactions = 0;
  uint64_t bytes = 0;   // payload, one direction
  uint64_t errors = 0;  // transactions that failed; they are not in `latency`
  Histogram latency;

  std::string ToJson() const;
};

// `workload`: "tcp_rr", "tcp_crr", "tcp_stream" or "udp_rr". Fails when no transaction succeeds.
absl::StatusOr<ClientResult> RunClient(const std::string& workload, const ClientOptions& options);

}  // namespace fairlead::bench
