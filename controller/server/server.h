// The controller's listeners. Owns the gRPC server and the unix sockets' lock files.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "controller/server/controller.h"
#include "grpcpp/server.h"

namespace fairlead::controller {

struct TlsFiles {
  std::string ca;
  std::string cert;
  std::string key;
};

class Server {
 public:
  // `listen`: "unix:/PATH" (made with mode 0600; one process at a time) or "HOST:PORT" (with `tls`
  // only: clients need a certificate that `tls.ca` has signed).
  static absl::StatusOr<std::unique_ptr<Server>> Start(const std::vector<std::string>& listen,
                                                       const TlsFiles& tls, EventLoop* loop,
                                                       Controller* controller);
  // Ends all streams. The loop must be running, for they end on its thread.
  ~Server();

  // Of the n-th listener; for port 0.
  int port(size_t n) const { return ports_[n]; }

 private:
  Server() = default;

  std::vector<UniqueFd> locks_;
  std::vector<std::unique_ptr<grpc::Service>> services_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<int> ports_;
};

}  // namespace fairlead::controller
