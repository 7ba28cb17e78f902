#include "controller/config/reporter.h"

#include <utility>

#include "controller/config/status.h"

namespace fairlead::controller {

ConfigReporter::ConfigReporter(const Controller* controller, kube::ApiCall call, const Clock* clock,
                               EventLoop* loop)
    : controller_(controller),
      loop_(loop),
      writer_(std::move(call), clock),
      timer_(loop->After(kInterval, [this] { Round(); })) {}

ConfigReporter::~ConfigReporter() {
  loop_->Cancel(timer_);
}

void ConfigReporter::Round() {
  timer_ = loop_->After(kInterval, [this] { Round(); });
  if (controller_->synced())
    writer_.Say(ConfigStatusOf(*controller_), controller_->source().Reached(kConfigKind));
}

}  // namespace fairlead::controller
