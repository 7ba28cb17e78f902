#include "agent/grpc_server.h"

#include <sys/stat.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/grpc_services.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"

namespace fairlead::agent {
namespace {

constexpr int kMaxRequestBytes = 1 << 20;
constexpr mode_t kSocketMode = 0600;

class Server : public GrpcServer {
 public:
  Server(std::unique_ptr<grpc::Service> introspect, std::unique_ptr<grpc::Service> observer)
      : introspect_(std::move(introspect)), observer_(std::move(observer)) {}
  ~Server() override {
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
  }

  absl::Status Listen(const std::string& socket) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("unix:" + socket, grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(introspect_.get());
    builder.RegisterService(observer_.get());
    builder.SetMaxReceiveMessageSize(kMaxRequestBytes);
    // The socket must never be open to others, not even for the moment until chmod.
    const mode_t before = ::umask(0777 & ~kSocketMode);
    server_ = builder.BuildAndStart();
    ::umask(before);
    if (server_ != nullptr && port != 0) return absl::OkStatus();
    return absl::UnavailableError(
        absl::StrCat("listen on ", socket, ": its folder is missing or the path is longer than 107 bytes"));
  }

 private:
  std::unique_ptr<grpc::Service> introspect_;
  std::unique_ptr<grpc::Service> observer_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(const std::string& socket,
                                                              const std::string& version, EventLoop* loop,
                                                              NodeAgent* agent) {
  auto server =
      std::make_unique<Server>(MakeIntrospectService(loop, agent, version), MakeObserverService(loop, agent));
  if (absl::Status status = server->Listen(socket); !status.ok()) return status;
  return server;
}

}  // namespace fairlead::agent
