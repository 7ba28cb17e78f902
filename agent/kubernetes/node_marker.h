// Tells the cluster that this node takes pods: takes the startup taint off its Node object and says that its
// network is available; again when the object is another one. Tried until it is done; pods that are here do
// not depend on it. And sees when the node is about to go. Lives on the state thread.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/status.h"
#include "base/backoff.h"
#include "base/event_loop.h"
#include "kube/api_client.h"

namespace fairlead::agent {

class NodeMarker {
 public:
  struct Options {
    std::string node;
    std::string taint;  // its key; empty: none is taken off
    int64_t first_delay_ns = 500'000'000;
    int64_t max_delay_ns = 60'000'000'000;
    int64_t interval_ns = 60'000'000'000;  // between looks when all is well
  };
  using Note = std::function<void(const absl::Status&)>;

  // `loop` and `api` must outlive it. `note` is told what became of each attempt.
  NodeMarker(Options options, EventLoop* loop, kube::ApiClient* api, Note note);
  // On the loop's thread or after its end, like the client.
  ~NodeMarker() { loop_->Cancel(timer_); }
  NodeMarker(const NodeMarker&) = delete;
  NodeMarker& operator=(const NodeMarker&) = delete;

  // The node takes pods.
  void Start() { Look(); }
  // The node is being deleted: load balancers are to send nothing new here. As of the last look.
  bool leaving() const { return leaving_; }

 private:
  void LookIn(int64_t delay_ns);
  void Look();
  void RemoveTaint(const nlohmann::json& node);
  void SayAvailable(const nlohmann::json& node);
  void Finish(const absl::Status& status);
  std::string Path() const;

  Options options_;
  EventLoop* loop_;
  kube::ApiClient* api_;
  Note note_;
  Backoff backoff_, pause_;
  bool leaving_ = false;
  EventLoop::TimerId timer_ = 0;
};

}  // namespace fairlead::agent
