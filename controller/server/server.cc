#include "controller/server/server.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "controller/server/services.h"
#include "controller/server/tls_credentials.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"

namespace fairlead::controller {
namespace {

constexpr char kUnix[] = "unix:";
// A Hello that names all that a large node holds.
constexpr int kMaxRequestBytes = 16 << 20;
constexpr int kKeepaliveMs = 10'000;
constexpr mode_t kSocketMode = 0600;

// gRPC takes a socket over without asking; the lock says whether somebody serves it.
absl::StatusOr<UniqueFd> LockSocket(const std::string& path) {
  std::string lock = path + ".lock";
  UniqueFd fd(::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kSocketMode));
  if (!fd.valid()) return ErrnoError(errno, absl::StrCat("create ", lock, " (does its folder exist?)"));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) < 0) {
    return absl::AlreadyExistsError(
        absl::StrCat("listen on ", path,
                     ": another fairlead-controller serves it; stop that one, or name another socket"));
  }
  return fd;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Listening& listening, EventLoop* loop,
                                                      Controller* controller) {
  const std::vector<std::string>& listen = listening.addresses;
  auto server = absl::WrapUnique(new Server());
  server->services_.push_back(MakeControlService(loop, &controller->hub()));
  server->services_.push_back(MakeIntrospectService(loop, controller, listening.identity));
  server->services_.push_back(MakeWorkloadsService(loop, controller));
  server->services_.push_back(MakePeersService(loop, controller));
  if (listening.signer != nullptr) {
    server->services_.push_back(MakeIdentityService(loop, listening.signer));
  }
  const ClientCertificate client =
      listening.signer != nullptr ? ClientCertificate::kOptional : ClientCertificate::kRequired;
  grpc::ServerBuilder builder;
  for (const auto& service : server->services_) builder.RegisterService(service.get());
  builder.SetMaxReceiveMessageSize(kMaxRequestBytes);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kKeepaliveMs / 2);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);

  server->ports_.resize(listen.size());
  std::vector<std::string> sockets;
  for (size_t i = 0; i < listen.size(); ++i) {
    if (absl::StartsWith(listen[i], kUnix)) {
      std::string path = listen[i].substr(sizeof(kUnix) - 1);
      ASSIGN_OR_RETURN(UniqueFd lock, LockSocket(path));
      server->locks_.push_back(std::move(lock));
      sockets.push_back(path);
      builder.AddListeningPort(listen[i], grpc::InsecureServerCredentials(), &server->ports_[i]);
    } else if (listening.tls == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("listen on ", listen[i],
                       ": only unix sockets go without TLS; give --tls-ca, --tls-cert and --tls-key"));
    } else {
      builder.AddListeningPort(listen[i], MakeTlsCredentials(listening.tls, client), &server->ports_[i]);
    }
  }
  // The socket must never be open to others, not even for the moment until chmod.
  mode_t before = ::umask(0777 & ~kSocketMode);
  server->server_ = builder.BuildAndStart();
  ::umask(before);
  for (size_t i = 0; i < listen.size(); ++i) {
    if (server->server_ == nullptr || server->ports_[i] == 0) {
      return absl::UnavailableError(
          absl::StrCat("listen on ", listen[i],
                       ": the address is taken, not of this machine, or its certificate is bad (see above)"));
    }
  }
  return server;
}

Server::~Server() {
  if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
}

}  // namespace fairlead::controller
