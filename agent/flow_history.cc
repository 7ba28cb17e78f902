#include "agent/flow_history.h"

#include <utility>

#include "absl/strings/match.h"

namespace fairlead::agent {
namespace {

// Of datapath/abi/reasons.h; the one drop that the client is told about.
constexpr char kRejectedReason[] = "service has no endpoints";

bool IsPod(const std::string& pod, const std::string& wanted) {
  if (!wanted.empty() && wanted.back() == '/') return absl::StartsWith(pod, wanted);
  return pod == wanted;
}

}  // namespace

FlowFilter::Verdict VerdictOf(const datapath::FlowEvent& event) {
  if (!event.dropped) return FlowFilter::Verdict::kForwarded;
  return event.reason == kRejectedReason ? FlowFilter::Verdict::kRejected : FlowFilter::Verdict::kDropped;
}

bool FlowFilter::Matches(const datapath::FlowEvent& event) const {
  if (!pod.empty() && !IsPod(event.source_pod, pod) && !IsPod(event.destination_pod, pod)) return false;
  if (address && event.source != *address && event.destination != *address &&
      event.service_address != address) {
    return false;
  }
  if (port != 0 && event.source_port != port && event.destination_port != port &&
      event.service_port != port) {
    return false;
  }
  if (protocol != 0 && event.protocol != protocol) return false;
  return verdict == Verdict::kAny || VerdictOf(event) == verdict;
}

void FlowHistory::Add(datapath::FlowEvent event, int64_t wall_ns) {
  if (ring_.size() < kCapacity) {
    ring_.push_back({std::move(event), wall_ns});
  } else {
    ring_[end_ % kCapacity] = {std::move(event), wall_ns};
  }
  ++end_;
  for (const auto& [id, listener] : listeners_) listener();
}

uint64_t FlowHistory::StartOf(size_t last, const FlowFilter& filter) const {
  uint64_t start = end_;
  for (uint64_t sequence = end_; last > 0 && sequence > first(); --sequence) {
    if (!filter.Matches(at(sequence - 1).event)) continue;
    start = sequence - 1;
    --last;
  }
  return start;
}

uint64_t FlowHistory::Listen(std::function<void()> listener) {
  listeners_.emplace(++last_listener_, std::move(listener));
  return last_listener_;
}

std::optional<FlowCursor::Found> FlowCursor::Next(const FlowHistory& history) {
  if (next_ < history.first()) {
    lost_ += history.first() - next_;
    next_ = history.first();
  }
  while (next_ < history.end()) {
    const FlowHistory::Entry& entry = history.at(next_++);
    lost_ += entry.event.lost_before;
    if (filter_.Matches(entry.event)) return Found{&entry, std::exchange(lost_, 0)};
  }
  return std::nullopt;
}

}  // namespace fairlead::agent
