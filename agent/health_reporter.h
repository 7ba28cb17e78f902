// Tells the controller how this agent is, for people who look at the cluster's FairleadNodes: once on every
// stream, then when something has changed. On the state thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "agent/node_agent.h"
#include "agent/sync_client.h"
#include "base/event_loop.h"

namespace fairlead::agent {

class HealthReporter {
 public:
  // How often it looks.
  static constexpr std::chrono::seconds kInterval{5};

  // All must outlive it.
  HealthReporter(const NodeAgent* agent, SyncClient* upstream, EventLoop* loop);
  ~HealthReporter();
  HealthReporter(const HealthReporter&) = delete;
  HealthReporter& operator=(const HealthReporter&) = delete;

  void Look();

 private:
  const NodeAgent* agent_;
  SyncClient* upstream_;
  EventLoop* loop_;
  std::optional<AgentHealth> told_;
  uint64_t told_stream_ = 0;
  EventLoop::TimerId timer_ = 0;
};

}  // namespace fairlead::agent
