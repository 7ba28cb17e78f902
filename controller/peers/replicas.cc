#include "controller/peers/replicas.h"

#include <set>
#include <utility>

#include "kube/controller_pods.h"

namespace fairlead::controller {

Replicas::Replicas(ReplicaIdentity self, kube::ApiCall call, Follow follow, EventLoop* loop)
    : self_(std::move(self)), call_(std::move(call)), follow_(std::move(follow)), loop_(loop) {}

Replicas::~Replicas() {
  loop_->Cancel(timer_);
}

void Replicas::Look() {
  loop_->Cancel(timer_);
  call_({.path = kube::ControllerPodsPath(self_.namespace_name)},
        [this](const absl::StatusOr<nlohmann::json>& list) {
          // Without an API server those that are known are followed on.
          if (list.ok()) Take(*list);
          timer_ = loop_->After(kInterval, [this] { Look(); });
        });
}

void Replicas::Take(const nlohmann::json& list) {
  const std::set<std::string> others = OtherReplicas(self_, list);
  std::erase_if(followed_, [&](const auto& replica) { return others.count(replica.first) == 0; });
  for (const std::string& other : others) {
    if (followed_.count(other) == 0) followed_.emplace(other, follow_(other));
  }
}

}  // namespace fairlead::controller
