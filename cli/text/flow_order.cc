#include "cli/text/flow_order.h"

#include <utility>

namespace fairlead::cli {

void FlowOrder::Add(observer::v1::Flow flow, int64_t now_ns) {
  const int64_t time_ns = flow.time_ns();
  held_.emplace(time_ns, Held{std::move(flow), now_ns});
}

std::vector<observer::v1::Flow> FlowOrder::Take(int64_t now_ns) {
  auto end = held_.begin();
  for (auto at = held_.begin(); at != held_.end(); ++at) {
    if (at->second.came_ns + hold_ns_ <= now_ns) end = std::next(at);
  }
  std::vector<observer::v1::Flow> flows;
  for (auto at = held_.begin(); at != end; ++at) flows.push_back(std::move(at->second.flow));
  held_.erase(held_.begin(), end);
  return flows;
}

std::vector<observer::v1::Flow> FlowOrder::TakeAll() {
  std::vector<observer::v1::Flow> flows;
  for (auto& [time_ns, held] : held_) flows.push_back(std::move(held.flow));
  held_.clear();
  return flows;
}

}  // namespace fairlead::cli
