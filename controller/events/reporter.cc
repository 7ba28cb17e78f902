#include "controller/events/reporter.h"

#include <utility>

namespace fairlead::controller {

EventReporter::EventReporter(const Controller* controller, kube::ApiCall call, std::string instance,
                             const Clock* clock, EventLoop* loop)
    : controller_(controller),
      clock_(clock),
      loop_(loop),
      writer_(std::move(call), std::move(instance), clock),
      timer_(loop->After(kInterval, [this] { Round(); })) {}

EventReporter::~EventReporter() {
  loop_->Cancel(timer_);
}

void EventReporter::Round() {
  timer_ = loop_->After(kInterval, [this] { Round(); });
  if (!controller_->synced()) return;
  for (const EventWrite& write : book_.Round(FactsOf(*controller_), clock_->MonotonicNs()))
    writer_.Write(write);
}

}  // namespace fairlead::controller
