#include "tests/agent/fake_controller.h"

#include <gtest/gtest.h>

#include <chrono>
#include <utility>

#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"

namespace fairlead::agent {

namespace pb = control::v1;

FakeController::FakeController(const std::string& path) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + path, grpc::InsecureServerCredentials());
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) ADD_FAILURE() << "cannot listen on " << path;
}

FakeController::~FakeController() {
  server_->Shutdown(std::chrono::system_clock::now());
}

grpc::Status FakeController::Sync(grpc::ServerContext* context, Stream* stream) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stream_ = stream;
    context_ = context;
  }
  pb::SyncRequest request;
  while (stream->Read(&request)) {
    const std::lock_guard<std::mutex> lock(mutex_);
    requests_.push_back(request);
    changed_.notify_all();
    if (std::exchange(oust_next_, false)) {
      stream_ = nullptr;
      context_ = nullptr;
      return {grpc::StatusCode::ABORTED, "another agent of node node-1 has connected"};
    }
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  if (stream_ == stream) {
    stream_ = nullptr;
    context_ = nullptr;
  }
  return grpc::Status::OK;
}

std::optional<pb::SyncRequest> FakeController::Next() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (!changed_.wait_for(lock, std::chrono::seconds(60), [this] { return !requests_.empty(); })) {
    return std::nullopt;
  }
  pb::SyncRequest request = std::move(requests_.front());
  requests_.pop_front();
  return request;
}

void FakeController::Send(const pb::SyncResponse& response) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (stream_ == nullptr || !stream_->Write(response)) ADD_FAILURE() << "no stream to write to";
}

void FakeController::OustNext() {
  const std::lock_guard<std::mutex> lock(mutex_);
  oust_next_ = true;
}

void FakeController::HangUp() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (context_ != nullptr) context_->TryCancel();
}

}  // namespace fairlead::agent
