#include <utility>

#include "absl/time/time.h"
#include "api/identity.grpc.pb.h"
#include "controller/identity/node_signer.h"
#include "controller/server/services.h"

namespace fairlead::controller {
namespace {

// "ipv4:10.0.0.1:4711" without the port, which is new with each connection.
std::string AddressOf(const std::string& peer) {
  return peer.substr(0, peer.rfind(':'));
}

// One call. Its answer comes from the loop: the signer's, or none where the caller is gone before.
class SignCall : public grpc::ServerUnaryReactor {
 public:
  SignCall(EventLoop* loop, NodeSigner* signer, SigningRequest request, identity::v1::SignReply* reply)
      : loop_(loop), self_(std::make_shared<SignCall*>(this)), reply_(reply) {
    loop_->Post([signer, self = self_, request = std::move(request)] {
      signer->Sign(request, [self](const absl::StatusOr<SignedCertificate>& result) {
        if (*self != nullptr) (*self)->Answer(result);
      });
    });
  }

  void OnCancel() override {
    loop_->Post([self = self_] {
      if (*self != nullptr) (*self)->Answer(absl::CancelledError("the caller is gone"));
    });
  }
  void OnDone() override { delete this; }

 private:
  void Answer(const absl::StatusOr<SignedCertificate>& result) {
    *self_ = nullptr;
    if (!result.ok()) {
      Finish({static_cast<grpc::StatusCode>(result.status().code()), std::string(result.status().message())});
      return;
    }
    reply_->set_certificate_pem(result->certificate.ToPem());
    reply_->set_ca_pem(result->trusted_pem);
    reply_->set_not_after_s(absl::ToUnixSeconds(result->certificate.end()));
    Finish(grpc::Status::OK);
  }

  EventLoop* loop_;
  std::shared_ptr<SignCall*> self_;  // the loop's: null once the answer is given
  identity::v1::SignReply* reply_;
};

class IdentityService : public identity::v1::Identity::CallbackService {
 public:
  IdentityService(EventLoop* loop, NodeSigner* signer) : loop_(loop), signer_(signer) {}

  grpc::ServerUnaryReactor* Sign(grpc::CallbackServerContext* context,
                                 const identity::v1::SignRequest* request,
                                 identity::v1::SignReply* reply) override {
    return new SignCall(loop_, signer_, {AddressOf(context->peer()), request->csr_pem(), request->token()},
                        reply);  // deletes itself when it is done
  }

 private:
  EventLoop* loop_;
  NodeSigner* signer_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeIdentityService(EventLoop* loop, NodeSigner* signer) {
  return std::make_unique<IdentityService>(loop, signer);
}

}  // namespace fairlead::controller
