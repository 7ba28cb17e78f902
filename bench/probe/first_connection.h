// Sees when a TCP connection can first be made: tries again and again with new sockets, since the
// kernel itself would wait a second before it repeats a SYN.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace fairlead::bench {

struct FirstConnectionOptions {
  std::string netns;
  std::string address;
  uint16_t port = 7000;
  int try_us = 500;  // how long one attempt may take
  double give_up_seconds = 30;
};

// CLOCK_MONOTONIC nanoseconds at which the connection stood.
absl::StatusOr<int64_t> AwaitFirstConnection(const FirstConnectionOptions& options);

}  // namespace fairlead::bench
