// The other end of a measurement of one client: one TCP connection at a time and UDP datagrams, each
// in a blocking loop, so that the server adds as few system calls as can be. See concurrent_server.h
// for many clients at once.
#pragma once

#include "absl/status/status.h"
#include "bench/load/endpoint.h"

namespace fairlead::bench {

// Serves until the process ends; says "ready" on stdout when connections are accepted. The calling
// thread is in the right namespace and on the right CPU already, and the threads made here inherit both.
absl::Status ServeSerially(const SocketAddress& address);

}  // namespace fairlead::bench
