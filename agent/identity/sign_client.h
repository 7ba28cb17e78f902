// Asks a controller for a certificate (api/identity.proto).
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/event_loop.h"

namespace fairlead::agent {

struct SignQuestion {
  std::string controller;  // "HOST:PORT"
  std::string trusted_pem;
  std::string csr_pem;
  std::string token;
};

struct SignAnswer {
  std::string certificate_pem;
  std::string trusted_pem;
};

class SignClient {
 public:
  using Done = std::function<void(absl::StatusOr<SignAnswer>)>;
  virtual ~SignClient() = default;
  // `done` once, on the loop's thread, after this has returned; not after the client's end.
  virtual void Sign(const SignQuestion& question, Done done) = 0;
};

// By gRPC, over a connection of its own on which only the controller shows a certificate.
class GrpcSignClient : public SignClient {
 public:
  explicit GrpcSignClient(EventLoop* loop) : loop_(loop) {}
  // After the loop's end, or on its thread.
  ~GrpcSignClient() override;
  void Sign(const SignQuestion& question, Done done) override;

 private:
  class Call;

  EventLoop* loop_;
  std::list<std::shared_ptr<Call>> calls_;
};

}  // namespace fairlead::agent
