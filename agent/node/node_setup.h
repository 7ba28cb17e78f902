// Makes the node one that takes pods, once the agent can serve them: the CNI plugin and its configuration are
// installed, and kept installed; whoever waits for that is told. Lives on the state thread.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "agent/node/cni_installation.h"
#include "agent/node_agent.h"
#include "base/event_loop.h"

namespace fairlead::agent {

class NodeSetup {
 public:
  static constexpr auto kImpatience = std::chrono::milliseconds(100);  // between looks until all is there
  static constexpr auto kInterval = std::chrono::seconds(10);          // and afterwards

  // `loop` and `agent` must outlive it. `installation`: nothing where the plugin is somebody else's to
  // install. `on_ready` is called once: pods can come.
  NodeSetup(EventLoop* loop, NodeAgent* agent, std::optional<CniInstallation> installation,
            std::function<void()> on_ready);
  // On the loop's thread or after its end.
  ~NodeSetup() { loop_->Cancel(timer_); }
  NodeSetup(const NodeSetup&) = delete;
  NodeSetup& operator=(const NodeSetup&) = delete;

  // The plugin is answered from now on.
  void Start() { Look(); }

 private:
  void Look();
  bool Install();

  EventLoop* loop_;
  NodeAgent* agent_;
  std::optional<CniInstallation> installation_;
  std::function<void()> on_ready_;
  bool ready_ = false;
  EventLoop::TimerId timer_ = 0;
};

}  // namespace fairlead::agent
