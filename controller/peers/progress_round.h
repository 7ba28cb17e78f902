// How far all agents of the cluster are: this replica's own, and those of the other replicas, who are asked.
// On the loop's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/event_loop.h"
#include "controller/peers/other_replicas.h"
#include "controller/peers/peer_client.h"
#include "controller/server/controller.h"
#include "kube/api_client.h"
#include "kube/owned_call.h"

namespace fairlead::controller {

struct ClusterView {
  ClusterProgress progress;
  // What is not known, because a replica did not answer, for people; empty: all is.
  std::vector<std::string> missing;
};

class ProgressRound {
 public:
  using Done = std::function<void(ClusterView)>;

  // All must outlive it.
  ProgressRound(ReplicaIdentity self, kube::ApiCall call, PeerClient* peers, const Controller* controller,
                EventLoop* loop);
  ~ProgressRound();
  ProgressRound(const ProgressRound&) = delete;
  ProgressRound& operator=(const ProgressRound&) = delete;

  // `seen`: by kind, the newest resourceVersion that the other replicas are to have seen, too. `done` once,
  // not after its end. One round at a time.
  void Begin(std::map<std::string, uint64_t> seen, Done done);

 private:
  // A replica that is a moment behind is asked again.
  static constexpr int kAttempts = 10;
  static constexpr int64_t kBetweenNs = 100'000'000;

  void Ask(const std::string& replica, int attempt);
  void OnAnswer(const std::string& replica, int attempt, absl::StatusOr<ClusterProgress> answer);
  void EndIfAllAnswered();

  ReplicaIdentity self_;
  kube::OwnedCall call_;
  PeerClient* peers_;
  const Controller* controller_;
  EventLoop* loop_;
  Done done_;
  std::map<std::string, uint64_t> seen_;
  std::set<std::string> awaited_;
  ClusterView view_;
  std::set<EventLoop::TimerId> timers_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace fairlead::controller
