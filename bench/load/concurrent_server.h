// A server of many connections at once: echoes as protocol.h says, in one epoll loop.
#pragma once

#include "absl/status/status.h"
#include "bench/load/endpoint.h"

namespace fairlead::bench {

// Serves until the process ends; says "ready" on stdout when connections are accepted.
absl::Status ServeConcurrently(const SocketAddress& address);

}  // namespace fairlead::bench
