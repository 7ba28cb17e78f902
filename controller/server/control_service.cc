#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "api/control.grpc.pb.h"
#include "api/identity_names.h"
#include "base/first_few.h"
#include "base/status_macros.h"
#include "controller/server/identity.h"
#include "controller/server/services.h"
#include "controller/sync/encode.h"
#include "spdlog/spdlog.h"

namespace fairlead::controller {
namespace {

namespace pb = control::v1;

grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

// One Sync stream. gRPC's callbacks only post to the loop; everything happens on its thread, also
// the starting of the next operation, so that a request is read when the last one is done with.
// Takes bytes, not messages: for gRPC, bytes that do not parse look like the end of the stream.
class SyncStream : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>, public AgentLink {
 public:
  SyncStream(EventLoop* loop, Hub* hub, PeerIdentity peer) : loop_(loop), hub_(hub), peer_(std::move(peer)) {
    StartRead(&incoming_);
  }

  void OnReadDone(bool ok) override {
    loop_->Post([this, ok] { ok ? Handle() : End(absl::OkStatus()); });
  }
  void OnWriteDone(bool ok) override {
    loop_->Post([this, ok] { Written(ok); });
  }
  void OnDone() override {
    loop_->Post([this] {
      loop_->Cancel(expiry_);
      hub_->OnGone(this);
      delete this;
    });
  }

  void Send(const Push& push) override {
    // The agent may answer before gRPC says that the push is written; then this one waits.
    const grpc::Slice bytes(Serialize(push));
    queued_ = grpc::ByteBuffer(&bytes, 1);
    WriteQueued();
  }
  void Close(const absl::Status& status) override { End(status); }

 private:
  void Handle() {
    if (finished_) return;
    if (absl::Status status = Dispatch(); !status.ok()) {
      spdlog::warn("the stream of node {} ends: {}", node_, std::string(status.message()));
      End(status);
      return;
    }
    if (!finished_) StartRead(&incoming_);
  }

  absl::Status Dispatch() {
    pb::SyncRequest request;
    if (!grpc::SerializationTraits<pb::SyncRequest>::Deserialize(&incoming_, &request).ok()) {
      return absl::InvalidArgumentError("a request that is no SyncRequest in Protobuf");
    }
    switch (request.request_case()) {
      case pb::SyncRequest::kHello:
        return OnHello(request.hello());
      case pb::SyncRequest::kAck:
        return hub_->OnAck(this, request.ack().nonce());
      case pb::SyncRequest::kNack: {
        ASSIGN_OR_RETURN(std::vector<ResourceError> errors, Decode(request.nack()));
        std::vector<std::string> reasons;
        for (const ResourceError& error : errors) {
          reasons.push_back(absl::StrCat(error.id.name, ": ", error.message));
        }
        spdlog::warn("node {} refused {}", node_, FirstFew(reasons, "; "));
        return hub_->OnNack(this, request.nack().nonce(), errors);
      }
      case pb::SyncRequest::kReport: {
        ASSIGN_OR_RETURN(auto upserts, Decode(request.report().upserts(), "report.upserts"));
        ASSIGN_OR_RETURN(auto removals, Decode(request.report().removals(), "report.removals"));
        if (request.report().has_health()) {
          ASSIGN_OR_RETURN(AgentHealth health, Decode(request.report().health()));
          RETURN_IF_ERROR(hub_->OnHealth(this, std::move(health)));
          if (upserts.empty() && removals.empty()) return absl::OkStatus();
        }
        return hub_->OnReport(this, upserts, removals);
      }
      case pb::SyncRequest::REQUEST_NOT_SET:
        break;
    }
    return absl::InvalidArgumentError(
        "a request that says nothing, or something that this controller does not know");
  }

  absl::Status OnHello(const pb::Hello& hello) {
    ASSIGN_OR_RETURN(HelloMessage message, Decode(hello));
    if (!MaySpeakFor(peer_, message.node)) {
      return absl::PermissionDeniedError(absl::StrCat(
          "the client certificate is ",
          peer_.node.empty() ? "no node's" : absl::StrCat("that of node ", peer_.node), ", Hello names node ",
          message.node, "; the common name must be ", kNodeNamePrefix, message.node));
    }
    node_ = message.node;
    RETURN_IF_ERROR(hub_->OnHello(this, message));
    EndWithCertificate();
    spdlog::info("the agent of node {} ({}) is connected, it holds {} resources", node_,
                 message.agent_version, message.held.size());
    return absl::OkStatus();
  }

  // A stream may live for months; who it is for is known only as long as the certificate is good.
  void EndWithCertificate() {
    if (peer_.until == absl::InfiniteFuture() || expiry_ != 0) return;
    expiry_ = loop_->After(absl::ToChronoNanoseconds(peer_.until - absl::Now()), [this] {
      End(absl::UnauthenticatedError("the client certificate has expired: connect with a new one"));
    });
  }

  void WriteQueued() {
    if (writing_ || finished_ || !queued_) return;
    outgoing_.Swap(&*queued_);
    queued_.reset();
    writing_ = true;
    StartWrite(&outgoing_);
  }

  void Written(bool ok) {
    writing_ = false;
    if (!ok) {
      End(absl::OkStatus());
      return;
    }
    WriteQueued();
  }

  void End(const absl::Status& status) {
    if (finished_) return;
    finished_ = true;
    hub_->OnGone(this);
    Finish(ToGrpc(status));
  }

  EventLoop* loop_;
  Hub* hub_;
  PeerIdentity peer_;
  std::string node_ = "?";
  grpc::ByteBuffer incoming_;
  grpc::ByteBuffer outgoing_;
  std::optional<grpc::ByteBuffer> queued_;
  bool writing_ = false;
  bool finished_ = false;
  EventLoop::TimerId expiry_ = 0;
};

class ControlService : public pb::ControlApi::WithRawCallbackMethod_Sync<pb::ControlApi::Service> {
 public:
  ControlService(EventLoop* loop, Hub* hub) : loop_(loop), hub_(hub) {}

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Sync(
      grpc::CallbackServerContext* context) override {
    return new SyncStream(loop_, hub_, IdentityOf(*context));  // deletes itself when it is done
  }

 private:
  EventLoop* loop_;
  Hub* hub_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeControlService(EventLoop* loop, Hub* hub) {
  return std::make_unique<ControlService>(loop, hub);
}

}  // namespace fairlead::controller
