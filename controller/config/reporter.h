// Has the status of the FairleadConfig say what is in force, every moment anew. Lives on the loop's thread.
#pragma once

#include <chrono>

#include "base/clock.h"
#include "base/event_loop.h"
#include "controller/config/status_writer.h"
#include "controller/server/controller.h"
#include "kube/api_client.h"

namespace fairlead::controller {

class ConfigReporter {
 public:
  static constexpr std::chrono::seconds kInterval{1};

  // All must outlive it.
  ConfigReporter(const Controller* controller, kube::ApiCall call, const Clock* clock, EventLoop* loop);
  ~ConfigReporter();
  ConfigReporter(const ConfigReporter&) = delete;
  ConfigReporter& operator=(const ConfigReporter&) = delete;

 private:
  void Round();

  const Controller* controller_;
  EventLoop* loop_;
  ConfigStatusWriter writer_;
  EventLoop::TimerId timer_ = 0;
};

}  // namespace fairlead::controller
