#include "tests/controller/test_controller.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

namespace fairlead::controller {
namespace {

template <typename T>
T OrDie(absl::StatusOr<T> result) {
  if (result.ok()) return *std::move(result);
  std::fprintf(stderr, "test controller: %s\n", result.status().ToString().c_str());
  std::abort();
}

ClusterSettings Settings() {
  ClusterSettings settings;
  settings.service_cidrs = {*IpPrefix::Parse("10.96.0.0/16"), *IpPrefix::Parse("fd00:10:96::/112")};
  return settings;
}

}  // namespace

TestController::TestController(const std::string& manifests) {
  Start(manifests, {.addresses = {socket()}});
}

TestController::TestController(const std::string& manifests, const TlsFiles& tls) {
  Start(manifests, {.addresses = {"127.0.0.1:0"}, .tls = OrDie(TlsFileSource::Open(tls))});
}

void TestController::Start(const std::string& manifests, const Listening& listening) {
  loop_ = OrDie(EventLoop::Create());
  controller_ = OrDie(Controller::Open({manifests}, Settings(), SystemClock(), loop_.get()));
  server_ = OrDie(Server::Start(listening, loop_.get(), controller_.get()));
  owner_ = std::thread([this] { loop_->Run(); });
}

TestController::~TestController() {
  server_.reset();
  loop_->Stop();
  owner_.join();
  loop_->Drain();
}

std::shared_ptr<grpc::Channel> TestController::Connect() const {
  return grpc::CreateChannel(socket(), grpc::InsecureChannelCredentials());
}

}  // namespace fairlead::controller
