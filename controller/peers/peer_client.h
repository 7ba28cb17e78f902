// Asks another replica of the controller (api/peers.proto).
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "controller/identity/tls_source.h"
#include "controller/sync/progress.h"

namespace fairlead::controller {

class PeerClient {
 public:
  using Done = std::function<void(absl::StatusOr<ClusterProgress>)>;
  virtual ~PeerClient() = default;
  // `replica`: "HOST:PORT". `done` once, on the loop's thread, after this has returned; not after the
  // client's end. UNAVAILABLE also where that replica has not seen as much as `seen` says.
  virtual void AskProgress(const std::string& replica, const std::map<std::string, uint64_t>& seen,
                           Done done) = 0;
};

// By gRPC, with one connection to each replica, made anew when the certificate is another.
class GrpcPeerClient : public PeerClient {
 public:
  // `texts`: the certificate to show and the CA to trust, as they are now.
  GrpcPeerClient(EventLoop* loop, std::function<TlsTexts()> texts);
  // After the loop's end, or on its thread.
  ~GrpcPeerClient() override;
  void AskProgress(const std::string& replica, const std::map<std::string, uint64_t>& seen,
                   Done done) override;

 private:
  class Call;
  struct Connection;

  std::shared_ptr<Connection> Connect(const std::string& replica);

  EventLoop* loop_;
  std::function<TlsTexts()> texts_;
  std::map<std::string, std::shared_ptr<Connection>> connections_;  // by replica
  std::list<std::shared_ptr<Call>> calls_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace fairlead::controller
