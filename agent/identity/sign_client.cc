#include "agent/identity/sign_client.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "api/identity.grpc.pb.h"
#include "api/identity_names.h"
#include "base/status_macros.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"

namespace fairlead::agent {
namespace {

constexpr std::chrono::seconds kPatience{20};
constexpr absl::Duration kCancelPatience = absl::Seconds(5);

std::unique_ptr<identity::v1::Identity::Stub> OpenStub(const SignQuestion& question) {
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = question.trusted_pem;
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride(kControllerName);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return identity::v1::Identity::NewStub(
      grpc::CreateCustomChannel(question.controller, grpc::SslCredentials(tls), arguments));
}

}  // namespace

// Its channel must not die on a thread of gRPC's (see SyncClient::Stream): the client and what is posted to
// the loop hold it.
class GrpcSignClient::Call {
 public:
  explicit Call(const SignQuestion& question) : stub_(OpenStub(question)) {
    request_.set_csr_pem(question.csr_pem);
    request_.set_token(question.token);
    context_.set_deadline(std::chrono::system_clock::now() + kPatience);
  }

  void Start(std::function<void(const grpc::Status&)> done) {
    stub_->async()->Sign(&context_, &request_, &reply_, std::move(done));
  }
  void Cancel() { context_.TryCancel(); }
  const identity::v1::SignReply& reply() const { return reply_; }
  // gRPC has called back. Outlives the call: the loop may be done with it at once.
  const std::shared_ptr<absl::Notification>& over() const { return over_; }

 private:
  std::unique_ptr<identity::v1::Identity::Stub> stub_;
  grpc::ClientContext context_;
  identity::v1::SignRequest request_;
  identity::v1::SignReply reply_;
  std::shared_ptr<absl::Notification> over_ = std::make_shared<absl::Notification>();
};

GrpcSignClient::~GrpcSignClient() {
  for (const auto& call : calls_) call->Cancel();
  for (const auto& call : calls_) call->over()->WaitForNotificationWithTimeout(kCancelPatience);
}

void GrpcSignClient::Sign(const SignQuestion& question, Done done) {
  const auto place = calls_.insert(calls_.end(), std::make_shared<Call>(question));
  Call* call = place->get();
  call->Start([this, place, loop = loop_, over = call->over(), weak = std::weak_ptr<Call>(*place),
               controller = question.controller, done = std::move(done)](const grpc::Status& status) {
    absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
    // A client that is gone has taken its calls along.
    loop->Post([this, place, weak, controller, done, result] {
      const std::shared_ptr<Call> self = weak.lock();
      if (self == nullptr) return;
      calls_.erase(place);
      if (result.ok()) {
        done(SignAnswer{self->reply().certificate_pem(), self->reply().ca_pem()});
      } else {
        done(WrapError(result, absl::StrCat("ask the controller at ", controller, " for a certificate")));
      }
    });
    over->Notify();
  });
}

}  // namespace fairlead::agent
