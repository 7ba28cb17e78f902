// A whole controller in this process, on a unix socket in a scratch folder.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "controller/server/server.h"
#include "grpcpp/channel.h"
#include "tests/controller/scratch_folder.h"

namespace fairlead::controller {

class TestController {
 public:
  // `manifests`: the folder to read. Dies when it cannot start.
  explicit TestController(const std::string& manifests);
  // With TLS on a port of 127.0.0.1.
  TestController(const std::string& manifests, const TlsFiles& tls);
  ~TestController();

  std::string socket() const { return "unix:" + (run_ / "controller.sock"); }
  int port() const { return server_->port(0); }
  std::shared_ptr<grpc::Channel> Connect() const;

 private:
  void Start(const std::string& manifests, const Listening& listening);

  ScratchFolder run_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<Controller> controller_;
  std::unique_ptr<Server> server_;
  std::thread owner_;
};

}  // namespace fairlead::controller
