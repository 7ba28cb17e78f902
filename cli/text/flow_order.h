// Flows of many nodes as one stream in the order of their times: each is held back for a moment, in which
// older ones of slower nodes may still come. Pure; not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "api/observer.pb.h"

namespace fairlead::cli {

class FlowOrder {
 public:
  // Of one source alone nothing needs to be held.
  explicit FlowOrder(int64_t hold_ns) : hold_ns_(hold_ns) {}

  void Add(observer::v1::Flow flow, int64_t now_ns);
  // What has been held long enough, and everything older than that, by time.
  std::vector<observer::v1::Flow> Take(int64_t now_ns);
  // Everything that is left, by time.
  std::vector<observer::v1::Flow> TakeAll();

 private:
  struct Held {
    observer::v1::Flow flow;
    int64_t came_ns = 0;
  };

  int64_t hold_ns_;
  std::multimap<int64_t, Held> held_;  // by the flow's time
};

}  // namespace fairlead::cli
