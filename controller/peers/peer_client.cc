#include "controller/peers/peer_client.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "api/peers.grpc.pb.h"
#include "base/status_macros.h"
#include "controller/peers/peer_channel.h"
#include "controller/sync/encode.h"

namespace fairlead::controller {
namespace {

constexpr std::chrono::seconds kAnswerPatience{5};
constexpr absl::Duration kCancelledPatience = absl::Seconds(5);

}  // namespace

// Outlived by no call; the client's lists let go of it, on the loop's thread.
struct GrpcPeerClient::Connection {
  Connection(const std::string& replica, TlsTexts shown) : texts(std::move(shown)) {
    stub = peers::v1::Peers::NewStub(OpenPeerChannel(replica, texts));
  }

  TlsTexts texts;
  std::unique_ptr<peers::v1::Peers::Stub> stub;
};

class GrpcPeerClient::Call {
 public:
  Call(std::shared_ptr<Connection> connection, const std::map<std::string, uint64_t>& seen)
      : connection_(std::move(connection)) {
    request_.mutable_seen()->insert(seen.begin(), seen.end());
    context_.set_deadline(std::chrono::system_clock::now() + kAnswerPatience);
  }

  void Start(std::function<void(const grpc::Status&)> done) {
    connection_->stub->async()->Progress(&context_, &request_, &reply_, std::move(done));
  }
  void Cancel() { context_.TryCancel(); }
  const peers::v1::ProgressReply& reply() const { return reply_; }
  // gRPC has called back. Outlives the call: the loop may be done with it at once.
  const std::shared_ptr<absl::Notification>& over() const { return over_; }

 private:
  std::shared_ptr<Connection> connection_;
  grpc::ClientContext context_;
  peers::v1::ProgressRequest request_;
  peers::v1::ProgressReply reply_;
  std::shared_ptr<absl::Notification> over_ = std::make_shared<absl::Notification>();
};

GrpcPeerClient::GrpcPeerClient(EventLoop* loop, std::function<TlsTexts()> texts)
    : loop_(loop), texts_(std::move(texts)) {}

GrpcPeerClient::~GrpcPeerClient() {
  for (const auto& call : calls_) call->Cancel();
  for (const auto& call : calls_) call->over()->WaitForNotificationWithTimeout(kCancelledPatience);
}

std::shared_ptr<GrpcPeerClient::Connection> GrpcPeerClient::Connect(const std::string& replica) {
  std::shared_ptr<Connection>& place = connections_[replica];
  const TlsTexts texts = texts_();
  if (place == nullptr || place->texts != texts) place = std::make_shared<Connection>(replica, texts);
  return place;
}

void GrpcPeerClient::AskProgress(const std::string& replica, const std::map<std::string, uint64_t>& seen,
                                 Done done) {
  if (texts_().cert.empty()) {
    loop_->Post([alive = std::weak_ptr<bool>(alive_), done = std::move(done)] {
      if (!alive.expired()) done(absl::UnavailableError("this controller has no certificate yet"));
    });
    return;
  }
  const auto place = calls_.insert(calls_.end(), std::make_shared<Call>(Connect(replica), seen));
  Call* call = place->get();
  call->Start([this, place, loop = loop_, over = call->over(), weak = std::weak_ptr<Call>(*place), replica,
               done = std::move(done)](const grpc::Status& status) {
    const absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
    // A client that is gone has taken its calls along.
    loop->Post([this, place, weak, replica, done, result] {
      const std::shared_ptr<Call> self = weak.lock();
      if (self == nullptr) return;
      calls_.erase(place);
      const std::string what = absl::StrCat("ask the controller at ", replica, " about its agents");
      if (!result.ok()) {
        connections_.erase(replica);  // it may never come back
        done(WrapError(result, what));
      } else if (!self->reply().reached()) {
        done(absl::UnavailableError(absl::StrCat(what, ": it has not read as much of the API server yet")));
      } else {
        done(Decode(self->reply()));
      }
    });
    over->Notify();
  });
}

}  // namespace fairlead::controller
