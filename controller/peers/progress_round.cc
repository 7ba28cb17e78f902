#include "controller/peers/progress_round.h"

#include <chrono>

#include "kube/controller_pods.h"

namespace fairlead::controller {

ProgressRound::ProgressRound(ReplicaIdentity self, kube::ApiCall call, PeerClient* peers,
                             const Controller* controller, EventLoop* loop)
    : self_(std::move(self)), call_(std::move(call)), peers_(peers), controller_(controller), loop_(loop) {}

ProgressRound::~ProgressRound() {
  for (EventLoop::TimerId timer : timers_) loop_->Cancel(timer);
}

void ProgressRound::Begin(std::map<std::string, uint64_t> seen, Done done) {
  done_ = std::move(done);
  view_ = {};
  seen_ = std::move(seen);
  call_({.path = kube::ControllerPodsPath(self_.namespace_name)},
        [this](const absl::StatusOr<nlohmann::json>& list) {
          if (!list.ok()) view_.missing.emplace_back(list.status().message());
          const std::set<std::string> others =
              list.ok() ? OtherReplicas(self_, *list) : std::set<std::string>{};
          awaited_ = others;
          for (const std::string& replica : others) Ask(replica, 1);
          EndIfAllAnswered();
        });
}

void ProgressRound::Ask(const std::string& replica, int attempt) {
  peers_->AskProgress(
      replica, seen_,
      [this, alive = std::weak_ptr<bool>(alive_), replica, attempt](absl::StatusOr<ClusterProgress> answer) {
        if (!alive.expired()) OnAnswer(replica, attempt, std::move(answer));
      });
}

void ProgressRound::OnAnswer(const std::string& replica, int attempt,
                             absl::StatusOr<ClusterProgress> answer) {
  if (absl::IsUnavailable(answer.status()) && attempt < kAttempts) {
    auto timer = std::make_shared<EventLoop::TimerId>();
    *timer = loop_->After(std::chrono::nanoseconds(kBetweenNs), [this, timer, replica, attempt] {
      timers_.erase(*timer);
      Ask(replica, attempt + 1);
    });
    timers_.insert(*timer);
    return;
  }
  awaited_.erase(replica);
  if (answer.ok()) {
    view_.progress.merge(*answer);
  } else {
    view_.missing.emplace_back(answer.status().message());
  }
  EndIfAllAnswered();
}

void ProgressRound::EndIfAllAnswered() {
  if (!awaited_.empty()) return;
  // An agent that has changed over in this moment counts where it is now, if that is here.
  ClusterProgress own = controller_->hub().Progress();
  own.merge(view_.progress);
  view_.progress = std::move(own);
  std::exchange(done_, nullptr)(std::exchange(view_, {}));
}

}  // namespace fairlead::controller
