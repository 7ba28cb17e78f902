// Plain HTTP for machines: /metrics (Prometheus), /healthz (the state thread answers) and /readyz
// (pods can be wired; else 503 with what is missing). One GET a connection, bounded in size, time and
// number; served by the state thread itself.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agent/node_agent.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace fairlead::agent {

class HttpServer {
 public:
  static constexpr size_t kMaxRequest = 8192;  // bytes
  static constexpr size_t kMaxConnections = 64;

  // `listen`: ADDRESS:PORT with a literal address, IPv6 in brackets; port 0 picks one. On the loop's
  // thread or before Run, like the destructor.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Listen(const std::string& listen,
                                                            const std::string& version, EventLoop* loop,
                                                            const NodeAgent* agent);
  ~HttpServer();

  uint16_t port() const { return port_; }

 private:
  struct Connection {
    UniqueFd fd;
    std::string input;
    EventLoop::TimerId timer = 0;
  };

  HttpServer(UniqueFd listener, uint16_t port, std::string version, EventLoop* loop, const NodeAgent* agent)
      : listener_(std::move(listener)),
        port_(port),
        version_(std::move(version)),
        loop_(loop),
        agent_(agent) {}

  void Accept();
  void Read(int fd);
  void Close(int fd);
  // The whole response to a request's first line.
  std::string Answer(const std::string& request_line) const;

  UniqueFd listener_;
  uint16_t port_;
  std::string version_;
  EventLoop* loop_;
  const NodeAgent* agent_;
  std::map<int, Connection> connections_;  // by descriptor
};

}  // namespace fairlead::agent
