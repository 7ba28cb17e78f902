#include "agent/health_reporter.h"

#include <sys/utsname.h>

#include <string>
#include <utility>

namespace fairlead::agent {
namespace {

std::string KernelRelease() {
  utsname name{};
  return ::uname(&name) == 0 ? name.release : "";
}

}  // namespace

HealthReporter::HealthReporter(const NodeAgent* agent, SyncClient* upstream, EventLoop* loop)
    : agent_(agent),
      upstream_(upstream),
      loop_(loop),
      timer_(loop->After(std::chrono::seconds(0), [this] { Look(); })) {}

HealthReporter::~HealthReporter() {
  loop_->Cancel(timer_);
}

void HealthReporter::Look() {
  loop_->Cancel(timer_);
  timer_ = loop_->After(kInterval, [this] { Look(); });
  if (!agent_->connected()) return;
  AgentHealth health{.ready = agent_->Serving().ok(),
                     .kernel = KernelRelease(),
                     .conditions = agent_->conditions().all(),
                     .pools = agent_->Pools()};
  if (told_stream_ == agent_->streams() && told_ == health) return;
  upstream_->ReportHealth(health);
  told_stream_ = agent_->streams();
  told_ = std::move(health);
}

}  // namespace fairlead::agent
