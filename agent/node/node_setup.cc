#include "agent/node/node_setup.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace fairlead::agent {
namespace {

constexpr char kPreferred[] = "CniPreferred";

}  // namespace

NodeSetup::NodeSetup(EventLoop* loop, NodeAgent* agent, std::optional<CniInstallation> installation,
                     std::function<void()> on_ready)
    : loop_(loop), agent_(agent), installation_(std::move(installation)), on_ready_(std::move(on_ready)) {
  if (installation_) {
    agent_->Note(kCniInstalled,
                 absl::UnavailableError("the CNI configuration is written when the agent is ready"));
  }
}

void NodeSetup::Look() {
  // What is installed stays while the agent is not ready: the plugin says so to the runtime.
  const bool serves = agent_->Ready().ok() && Install();
  if (serves && !std::exchange(ready_, true)) on_ready_();
  timer_ = loop_->After(ready_ ? std::chrono::milliseconds(kInterval) : kImpatience, [this] { Look(); });
}

bool NodeSetup::Install() {
  if (!installation_) return true;
  const absl::Status installed = installation_->Install();
  agent_->Note(kCniInstalled, installed);
  const std::vector<std::string> preferred = installation_->Preferred();
  agent_->Note(kPreferred,
               preferred.empty()
                   ? absl::OkStatus()
                   : absl::FailedPreconditionError(absl::StrCat(
                         "the container runtime prefers another network configuration, so new pods "
                         "are not Fairlead's: remove ",
                         absl::StrJoin(preferred, ", "), " from this node")));
  return installed.ok();
}

}  // namespace fairlead::agent
