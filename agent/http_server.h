// Plain HTTP for machines: /metrics (Prometheus), /healthz (the state thread answers) and /readyz
// (pods can be wired; else 503 with what is missing).
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agent/event_loop.h"
#include "agent/node_agent.h"

namespace fairlead::agent {

class HttpServer {
 public:
  // `listen`: ADDRESS:PORT; port 0 picks one. `loop` must run for as long as the server lives.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const std::string& listen,
                                                           const std::string& version, EventLoop* loop,
                                                           const NodeAgent* agent);
  virtual ~HttpServer() = default;
  virtual int port() const = 0;
};

}  // namespace fairlead::agent
