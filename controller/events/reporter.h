// Looks every few seconds at what holds, and has what is new written as Events. Lives on the loop's thread.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/event_loop.h"
#include "controller/events/book.h"
#include "controller/events/writer.h"
#include "controller/server/controller.h"
#include "kube/api_client.h"

namespace fairlead::controller {

class EventReporter {
 public:
  static constexpr std::chrono::seconds kInterval{5};

  // All must outlive it.
  EventReporter(const Controller* controller, kube::ApiCall call, std::string instance, const Clock* clock,
                EventLoop* loop);
  ~EventReporter();
  EventReporter(const EventReporter&) = delete;
  EventReporter& operator=(const EventReporter&) = delete;

 private:
  void Round();

  const Controller* controller_;
  const Clock* clock_;
  EventLoop* loop_;
  EventBook book_;
  EventWriter writer_;
  EventLoop::TimerId timer_ = 0;
};

}  // namespace fairlead::controller
