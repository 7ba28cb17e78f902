#include "controller/peers/endpoint_follower.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "api/peers.grpc.pb.h"
#include "base/status_macros.h"
#include "controller/peers/peer_channel.h"
#include "controller/sync/encode.h"
#include "spdlog/spdlog.h"

namespace fairlead::controller {
namespace {

constexpr absl::Duration kAbandonPatience = absl::Seconds(5);

}  // namespace

// One stream. gRPC's callbacks only post; it dies on the loop's thread, or with the loop, and its channel
// with it.
class EndpointFollower::Stream : public grpc::ClientReadReactor<peers::v1::NodeEndpoints>,
                                 public std::enable_shared_from_this<EndpointFollower::Stream> {
 public:
  Stream(EndpointFollower* follower, std::shared_ptr<grpc::Channel> channel)
      : follower_(follower), loop_(follower->loop_), stub_(peers::v1::Peers::NewStub(std::move(channel))) {}

  void Start() {
    self_ = shared_from_this();
    stub_->async()->Endpoints(&context_, &request_, this);
    AddHold();  // reads are started outside of gRPC's callbacks
    StartRead(&message_);
    StartCall();
  }

  // The follower is going away: gRPC must have let go of everything.
  void Abandon() {
    follower_ = nullptr;
    context_.TryCancel();
    ReleaseHold();
    done_->WaitForNotificationWithTimeout(kAbandonPatience);
  }

  void OnReadDone(bool ok) override {
    loop_->Post([stream = shared_from_this(), ok] { ok ? stream->Handle() : stream->ReleaseHold(); });
  }
  void OnDone(const grpc::Status& status) override {
    const absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
    const std::shared_ptr<absl::Notification> done = done_;  // the loop may be done with this stream at once
    loop_->Post([stream = std::move(self_), result] {
      if (stream->follower_ != nullptr) stream->follower_->OnEnd(result);
    });
    done->Notify();
  }

 private:
  void Handle() {
    if (follower_ == nullptr) return;
    absl::StatusOr<std::vector<ReportedEndpoint>> endpoints = Decode(message_.endpoints(), "endpoints");
    if (!endpoints.ok()) {
      spdlog::warn("the controller at {} says of node {}: {}", follower_->replica_, message_.node(),
                   std::string(endpoints.status().message()));
      context_.TryCancel();
    } else {
      follower_->backoff_.Reset();
      follower_->said_ = absl::OkStatus();
      follower_->take_(message_.node(), *endpoints);
    }
    StartRead(&message_);
  }

  void ReleaseHold() {
    if (std::exchange(held_, false)) RemoveHold();
  }

  EndpointFollower* follower_;
  EventLoop* loop_;
  std::unique_ptr<peers::v1::Peers::Stub> stub_;
  grpc::ClientContext context_;
  peers::v1::EndpointsRequest request_;
  peers::v1::NodeEndpoints message_;
  bool held_ = true;
  std::shared_ptr<Stream> self_;
  std::shared_ptr<absl::Notification> done_ = std::make_shared<absl::Notification>();
};

EndpointFollower::EndpointFollower(std::string replica, std::function<TlsTexts()> texts, Take take,
                                   EventLoop* loop)
    : replica_(std::move(replica)), texts_(std::move(texts)), take_(std::move(take)), loop_(loop) {
  Connect();
}

EndpointFollower::~EndpointFollower() {
  loop_->Cancel(timer_);
  if (stream_) stream_->Abandon();
}

void EndpointFollower::Connect() {
  timer_ = 0;
  const TlsTexts texts = texts_();
  if (texts.cert.empty()) {  // this replica has none yet
    ConnectLater();
    return;
  }
  stream_ = std::make_shared<Stream>(this, OpenPeerChannel(replica_, texts));
  stream_->Start();
}

void EndpointFollower::ConnectLater() {
  timer_ = loop_->After(std::chrono::nanoseconds(backoff_.NextNs()), [this] { Connect(); });
}

void EndpointFollower::OnEnd(const absl::Status& status) {
  stream_.reset();
  // What was said stays: pods run on, and their agents say the same to the replica that they go to.
  if (said_ != status) {
    spdlog::info("what agents report to the controller at {} is not followed for a moment: {}", replica_,
                 status.ok() ? "it hung up" : std::string(status.message()));
  }
  said_ = status;
  ConnectLater();
}

}  // namespace fairlead::controller
