#include <optional>
#include <utility>

#include "agent/describe.h"
#include "agent/grpc_services.h"
#include "api/observer.grpc.pb.h"

namespace fairlead::agent {
namespace {

// One Flows stream. gRPC's callbacks only post to the loop; the history is read on its thread, one
// event for each finished write, so that a slow client holds nothing up and nothing grows.
class FlowStream : public grpc::ServerWriteReactor<observer::v1::Flow> {
 public:
  FlowStream(EventLoop* loop, NodeAgent* agent, const observer::v1::FlowsRequest& request)
      : loop_(loop), agent_(agent) {
    loop_->Post([this, request] { Begin(request); });
  }

  void OnWriteDone(bool ok) override {
    loop_->Post([this, ok] {
      writing_ = false;
      ok ? Next() : End(grpc::Status::OK);
    });
  }
  void OnCancel() override {
    loop_->Post([this] { End(grpc::Status::CANCELLED); });
  }
  void OnDone() override {
    loop_->Post([this] {
      agent_->flows().Unlisten(listener_);
      delete this;
    });
  }

 private:
  void Begin(const observer::v1::FlowsRequest& request) {
    absl::StatusOr<FlowFilter> filter = ReadFilter(request.filter());
    if (!filter.ok()) {
      End({grpc::StatusCode::INVALID_ARGUMENT, std::string(filter.status().message())});
      return;
    }
    follow_ = request.follow();
    cursor_.emplace(agent_->flows().StartOf(request.last(), *filter), *filter);
    if (follow_) listener_ = agent_->flows().Listen([this] { Next(); });
    Next();
  }

  void Next() {
    if (writing_ || finished_ || !cursor_) return;
    auto found = cursor_->Next(agent_->flows());
    if (!found) {
      if (!follow_) End(grpc::Status::OK);
      return;
    }
    flow_ = DescribeFlow(*found, agent_->node());
    writing_ = true;
    StartWrite(&flow_);
  }

  void End(const grpc::Status& status) {
    if (!std::exchange(finished_, true)) Finish(status);
  }

  EventLoop* loop_;
  NodeAgent* agent_;
  std::optional<FlowCursor> cursor_;
  bool follow_ = false;
  bool writing_ = false;
  bool finished_ = false;
  uint64_t listener_ = 0;
  observer::v1::Flow flow_;
};

class ObserverService : public observer::v1::Observer::CallbackService {
 public:
  ObserverService(EventLoop* loop, NodeAgent* agent) : loop_(loop), agent_(agent) {}

  grpc::ServerWriteReactor<observer::v1::Flow>* Flows(grpc::CallbackServerContext*,
                                                      const observer::v1::FlowsRequest* request) override {
    return new FlowStream(loop_, agent_, *request);  // deletes itself when it is done
  }

 private:
  EventLoop* loop_;
  NodeAgent* agent_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeObserverService(EventLoop* loop, NodeAgent* agent) {
  return std::make_unique<ObserverService>(loop, agent);
}

}  // namespace fairlead::agent
