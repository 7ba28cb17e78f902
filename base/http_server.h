// Plain HTTP for machines: one GET a connection, bounded in size, time and number; served by the loop's
// thread itself. What there is to get is its caller's business.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace fairlead {

struct HttpReply {
  int status = 200;  // 200, 404 or 503
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};

class HttpServer {
 public:
  static constexpr size_t kMaxRequest = 8192;  // bytes
  static constexpr size_t kMaxConnections = 64;

  // The reply to a GET of `path`, without its query.
  using Handler = std::function<HttpReply(const std::string& path)>;

  // `listen`: ADDRESS:PORT with a literal address, IPv6 in brackets; port 0 picks one. `option`: of the
  // command line, for errors: "--metrics-listen". On the loop's thread or before Run, like the destructor.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Listen(const std::string& listen,
                                                            const std::string& option, EventLoop* loop,
                                                            Handler handler);
  ~HttpServer();

  uint16_t port() const { return port_; }

 private:
  struct Connection {
    UniqueFd fd;
    std::string input;
    EventLoop::TimerId timer = 0;
  };

  HttpServer(UniqueFd listener, uint16_t port, EventLoop* loop, Handler handler)
      : listener_(std::move(listener)), port_(port), loop_(loop), handler_(std::move(handler)) {}

  void Accept();
  void Read(int fd);
  void Close(int fd);
  // The whole response to a request's first line.
  std::string Answer(const std::string& request_line) const;

  UniqueFd listener_;
  uint16_t port_;
  EventLoop* loop_;
  Handler handler_;
  std::map<int, Connection> connections_;  // by descriptor
};

}  // namespace fairlead
