#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "api/peers.grpc.pb.h"
#include "controller/server/identity.h"
#include "controller/server/services.h"
#include "controller/sync/encode.h"

namespace fairlead::controller {
namespace {

constexpr char kNoController[] = "the client certificate is no controller's";

// What this replica's agents report, to one other replica. Everything happens on the loop's thread; memory is
// bounded by the number of nodes however slow the reader is.
class EndpointsStream : public grpc::ServerWriteReactor<peers::v1::NodeEndpoints> {
 public:
  EndpointsStream(EventLoop* loop, Controller* controller, bool admitted)
      : loop_(loop), controller_(controller) {
    loop_->Post([this, admitted] { admitted ? Begin() : Refuse(); });
  }

  void OnWriteDone(bool ok) override {
    loop_->Post([this, ok] {
      writing_ = false;
      ok ? WriteNext() : End(grpc::Status::OK);
    });
  }
  void OnCancel() override {
    loop_->Post([this] { End(grpc::Status::CANCELLED); });
  }
  void OnDone() override {
    loop_->Post([this] {
      controller_->hub().StopOnReported(watcher_);
      delete this;
    });
  }

 private:
  void Begin() {
    watcher_ = controller_->hub().OnReported([this](const std::string& node) {
      changed_.insert(node);
      WriteNext();
    });
    changed_ = controller_->hub().ConnectedNodes();
    WriteNext();
  }
  void Refuse() { End({grpc::StatusCode::PERMISSION_DENIED, kNoController}); }

  void WriteNext() {
    if (writing_ || finished_ || changed_.empty()) return;
    const std::string node = *changed_.begin();
    changed_.erase(changed_.begin());
    message_ = Encode(node, controller_->store().ReportedOn(node));
    writing_ = true;
    StartWrite(&message_);
  }

  void End(const grpc::Status& status) {
    if (std::exchange(finished_, true)) return;
    controller_->hub().StopOnReported(watcher_);
    Finish(status);
  }

  EventLoop* loop_;
  Controller* controller_;
  uint64_t watcher_ = 0;
  std::set<std::string> changed_;  // nodes
  peers::v1::NodeEndpoints message_;
  bool writing_ = false;
  bool finished_ = false;
};

class PeersService : public peers::v1::Peers::CallbackService {
 public:
  PeersService(EventLoop* loop, Controller* controller) : loop_(loop), controller_(controller) {}

  grpc::ServerUnaryReactor* Progress(grpc::CallbackServerContext* context,
                                     const peers::v1::ProgressRequest* request,
                                     peers::v1::ProgressReply* reply) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    if (!MayAskForPeers(IdentityOf(*context))) {
      reactor->Finish({grpc::StatusCode::PERMISSION_DENIED, kNoController});
      return reactor;
    }
    loop_->Post([this, reactor, request, reply] {
      const bool reached =
          std::all_of(request->seen().begin(), request->seen().end(),
                      [this](const auto& seen) { return controller_->HasReached(seen.first, seen.second); });
      if (reached) *reply = Encode(controller_->hub().Progress());
      reactor->Finish(grpc::Status::OK);
    });
    return reactor;
  }

  grpc::ServerWriteReactor<peers::v1::NodeEndpoints>* Endpoints(grpc::CallbackServerContext* context,
                                                                const peers::v1::EndpointsRequest*) override {
    // Deletes itself when it is done.
    return new EndpointsStream(loop_, controller_, MayAskForPeers(IdentityOf(*context)));
  }

 private:
  EventLoop* loop_;
  Controller* controller_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakePeersService(EventLoop* loop, Controller* controller) {
  return std::make_unique<PeersService>(loop, controller);
}

}  // namespace fairlead::controller
