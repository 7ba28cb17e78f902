// The other replicas, looked for now and then; each is followed as long as it is there. On the loop's thread.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/event_loop.h"
#include "controller/peers/other_replicas.h"
#include "kube/api_client.h"
#include "kube/owned_call.h"

namespace fairlead::controller {

class Replicas {
 public:
  static constexpr std::chrono::seconds kInterval{5};

  // Makes what lasts as long as a replica is there: an EndpointFollower.
  using Follow = std::function<std::shared_ptr<void>(const std::string& replica)>;

  // `loop` must outlive it. Look() begins.
  Replicas(ReplicaIdentity self, kube::ApiCall call, Follow follow, EventLoop* loop);
  ~Replicas();
  Replicas(const Replicas&) = delete;
  Replicas& operator=(const Replicas&) = delete;

  // Now; the next times follow by themselves.
  void Look();

 private:
  void Take(const nlohmann::json& list);

  ReplicaIdentity self_;
  kube::OwnedCall call_;
  Follow follow_;
  EventLoop* loop_;
  std::map<std::string, std::shared_ptr<void>> followed_;  // by address
  EventLoop::TimerId timer_ = 0;
};

}  // namespace fairlead::controller
