#include "controller/events/book.h"

#include <algorithm>

namespace fairlead::controller {

std::vector<EventWrite> EventBook::Round(const std::vector<EventFact>& facts, int64_t now_ns) {
  std::vector<EventWrite> writes;
  for (const EventFact& fact : facts) {
    auto at = entries_.find(fact);
    if (at == entries_.end()) {
      if (entries_.size() >= kMaxFacts) continue;
      at = entries_.emplace(fact, Entry{.since_ns = now_ns, .seen_ns = now_ns}).first;
    }
    Entry& entry = at->second;
    if (entry.seen_ns < last_round_ns_) entry.since_ns = now_ns;  // it was gone in between
    entry.seen_ns = now_ns;
    const bool old_enough = now_ns - entry.since_ns >= fact.patience_ns;
    const bool told = entry.count > 0 && now_ns - entry.written_ns < kRepeatNs;
    if (!old_enough || told || writes.size() >= kMaxWrites) continue;
    entry.written_ns = now_ns;
    writes.push_back({fact, ++entry.count});
  }
  // One that comes and goes all the time is not written each time: it is kept in mind for a while.
  std::erase_if(entries_, [&](const auto& item) {
    const Entry& entry = item.second;
    return entry.seen_ns < now_ns && (entry.count == 0 || now_ns - entry.written_ns >= kRepeatNs);
  });
  last_round_ns_ = now_ns;
  return writes;
}

}  // namespace fairlead::controller
