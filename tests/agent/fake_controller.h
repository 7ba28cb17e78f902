// A ControlApi server in this process whose pushes the test writes: each stream's requests are kept,
// and pushes go out on the newest stream.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "api/control.grpc.pb.h"
#include "grpcpp/server.h"

namespace fairlead::agent {

class FakeController : public control::v1::ControlApi::Service {
 public:
  // Listens on the unix socket `path`.
  explicit FakeController(const std::string& path);
  ~FakeController() override;

  // The next request of any stream; nothing after a minute.
  std::optional<control::v1::SyncRequest> Next();
  void Send(const control::v1::SyncResponse& response);
  // Ends the next stream after its Hello, as when another agent of the node had come.
  void OustNext();
  // Ends the newest stream.
  void HangUp();

  grpc::Status Sync(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<control::v1::SyncResponse, control::v1::SyncRequest>* stream) override;

 private:
  using Stream = grpc::ServerReaderWriter<control::v1::SyncResponse, control::v1::SyncRequest>;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<control::v1::SyncRequest> requests_;
  Stream* stream_ = nullptr;
  bool oust_next_ = false;
  grpc::ServerContext* context_ = nullptr;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace fairlead::agent
