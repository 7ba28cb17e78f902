// Sees when packets between two pods begin to pass, and when they stop: sends a numbered datagram at
// short, even intervals from one namespace and looks whether it comes in at the other.
//
// Prints a line at every change: "up NANOSECONDS" or "down NANOSECONDS", the CLOCK_MONOTONIC time at which
// the first packet with the new verdict was sent. At the end of stdin, "end SENT RECEIVED".
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace fairlead::bench {

struct VerdictOptions {
  std::string client_netns;
  std::string server_netns;
  std::string address;  // the server's; it needs not have it yet
  uint16_t port = 7001;
  int interval_us = 50;
};

absl::Status WatchVerdict(const VerdictOptions& options);

}  // namespace fairlead::bench
