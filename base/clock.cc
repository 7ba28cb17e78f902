#include "base/clock.h"

#include <ctime>

namespace fairlead {
namespace {

int64_t ReadNs(clockid_t id) {
  timespec t;
  clock_gettime(id, &t);
  return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}

class RealClock : public Clock {
 public:
  int64_t MonotonicNs() const override { return ReadNs(CLOCK_MONOTONIC); }
  int64_t WallNs() const override { return ReadNs(CLOCK_REALTIME); }
};

}  // namespace

const Clock& SystemClock() {
  static const RealClock clock;
  return clock;
}

}  // namespace fairlead
