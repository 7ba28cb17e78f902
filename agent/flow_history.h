// The node's recent flow events: a ring that readers walk at their own pace. A reader that falls
// behind learns exactly how many it has missed. Pure; the state thread owns it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "datapath/datapath.h"

namespace fairlead::agent {

// All that are set must match.
struct FlowFilter {
  enum class Verdict { kAny, kForwarded, kDropped, kRejected };
  std::string pod;  // "namespace/name" on either side, or "namespace/"
  std::optional<IpAddress> address;
  uint16_t port = 0;
  uint8_t protocol = 0;
  Verdict verdict = Verdict::kAny;

  bool Matches(const datapath::FlowEvent& event) const;
};

FlowFilter::Verdict VerdictOf(const datapath::FlowEvent& event);

class FlowHistory {
 public:
  struct Entry {
    datapath::FlowEvent event;
    int64_t wall_ns = 0;
  };
  static constexpr size_t kCapacity = 8192;

  // Tells all listeners.
  void Add(datapath::FlowEvent event, int64_t wall_ns);

  // Sequence number of the next event; those still held are [first(), end()).
  uint64_t end() const { return end_; }
  uint64_t first() const { return end_ > kCapacity ? end_ - kCapacity : 0; }
  const Entry& at(uint64_t sequence) const { return ring_[sequence % kCapacity]; }
  // Sequence number from which on `last` matching events are held.
  uint64_t StartOf(size_t last, const FlowFilter& filter) const;

  // `listener` is called after every Add until it is removed.
  uint64_t Listen(std::function<void()> listener);
  void Unlisten(uint64_t id) { listeners_.erase(id); }

 private:
  std::vector<Entry> ring_;
  uint64_t end_ = 0;
  uint64_t last_listener_ = 0;
  std::map<uint64_t, std::function<void()>> listeners_;
};

// A reader's place in a history.
class FlowCursor {
 public:
  FlowCursor(uint64_t start, FlowFilter filter) : next_(start), filter_(std::move(filter)) {}

  struct Found {
    const FlowHistory::Entry* entry = nullptr;
    uint64_t lost = 0;  // missed before it: by the kernel's ring or by this reader
  };
  // nullopt: there is none yet.
  std::optional<Found> Next(const FlowHistory& history);

 private:
  uint64_t next_;
  uint64_t lost_ = 0;
  FlowFilter filter_;
};

}  // namespace fairlead::agent
