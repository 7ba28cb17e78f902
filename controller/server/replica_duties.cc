#include "controller/server/replica_duties.h"

#include <utility>

#include "absl/memory/memory.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "controller/peers/endpoint_follower.h"

namespace fairlead::controller {

absl::StatusOr<std::unique_ptr<ReplicaDuties>> ReplicaDuties::Start(
    const Options& options, kube::ApiAccess access, Controller* controller,
    const std::function<TlsTexts()>& peer_texts, EventLoop* loop) {
  auto duties = absl::WrapUnique(new ReplicaDuties());
  ASSIGN_OR_RETURN(duties->api_, kube::ApiClient::Start(std::move(access), loop));
  const kube::ApiCall call = [api = duties->api_.get()](kube::ApiRequest request,
                                                        kube::ApiClient::Done done) {
    api->Call(std::move(request), std::move(done));
  };
  duties->config_ = std::make_unique<ConfigReporter>(controller, call, &SystemClock(), loop);
  if (options.events) {
    duties->events_ =
        std::make_unique<EventReporter>(controller, call, options.self.pod, &SystemClock(), loop);
  }
  if (options.status_objects) {
    duties->leader_ =
        std::make_unique<Leader>(call, options.self.namespace_name, options.self.pod, &SystemClock(), loop);
    duties->peers_ = std::make_unique<GrpcPeerClient>(loop, peer_texts);
    duties->progress_ =
        std::make_unique<ProgressRound>(options.self, call, duties->peers_.get(), controller, loop);
    duties->status_ = std::make_unique<StatusReporter>(controller, call, duties->leader_.get(),
                                                       duties->progress_.get(), &SystemClock(), loop);
    duties->leader_->Round();
    duties->status_->Round();
  }
  if (options.peers) {
    duties->replicas_ = std::make_unique<Replicas>(
        options.self, call,
        [controller, loop, peer_texts](const std::string& replica) {
          return std::make_shared<EndpointFollower>(
              replica, peer_texts,
              [controller](const std::string& node, const std::vector<ReportedEndpoint>& endpoints) {
                controller->hub().OnPeerReport(node, endpoints);
              },
              loop);
        },
        loop);
    duties->replicas_->Look();
  }
  return duties;
}

absl::Status ReplicaDuties::status() const {
  if (leader_ == nullptr) return absl::OkStatus();
  return leader_->status().ok() ? status_->status() : leader_->status();
}

}  // namespace fairlead::controller
