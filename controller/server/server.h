// The controller's listeners. Owns the gRPC server and the unix sockets' lock files.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "controller/identity/cluster_identity.h"
#include "controller/identity/node_signer.h"
#include "controller/identity/tls_source.h"
#include "controller/server/controller.h"
#include "grpcpp/server.h"

namespace fairlead::controller {

struct Listening {
  // "unix:/PATH" (made with mode 0600; one process at a time) or "HOST:PORT" (with `tls` only).
  std::vector<std::string> addresses;
  std::shared_ptr<TlsSource> tls;  // none: only unix sockets
  // Without one, clients need a certificate that a CA of `tls` has signed. With one, clients that have none
  // may ask it for theirs, and for nothing else.
  NodeSigner* signer = nullptr;
  const ClusterIdentity* identity = nullptr;  // shown by Introspect; none: certificates are files
};

class Server {
 public:
  static absl::StatusOr<std::unique_ptr<Server>> Start(const Listening& listening, EventLoop* loop,
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
