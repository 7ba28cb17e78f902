// The agent's gRPC socket: Introspect and Observer on RUN_DIR/agent.sock, for root only. Requests are
// answered from the state thread.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agent/node_agent.h"
#include "base/event_loop.h"

namespace fairlead::agent {

class GrpcServer {
 public:
  // ALREADY_EXISTS is for the caller to find out: two agents are kept apart by main's lock.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(const std::string& socket,
                                                           const std::string& version, EventLoop* loop,
                                                           NodeAgent* agent);
  // Ends all streams. The loop must be running, for they end on its thread.
  virtual ~GrpcServer() = default;
};

}  // namespace fairlead::agent
