// Which facts are to be written as Events now: each once when it comes, and again now and then while it
// lasts, as API servers forget Events after an hour. Pure; the time is an argument.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "controller/events/facts.h"

namespace fairlead::controller {

struct EventWrite {
  EventFact fact;
  uint64_t count = 1;  // how often it has been written, with this time
};

class EventBook {
 public:
  static constexpr int64_t kRepeatNs = int64_t{30} * 60 * 1'000'000'000;
  static constexpr size_t kMaxWrites = 20;     // of one round; the others wait for the next
  static constexpr size_t kMaxFacts = 10'000;  // that are kept in mind; more are not told

  // `facts`: all that hold now. `now_ns` never goes back.
  std::vector<EventWrite> Round(const std::vector<EventFact>& facts, int64_t now_ns);

  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    int64_t since_ns = 0;
    int64_t seen_ns = 0;
    int64_t written_ns = 0;
    uint64_t count = 0;
  };
  std::map<EventFact, Entry> entries_;
  int64_t last_round_ns_ = -1;
};

}  // namespace fairlead::controller
