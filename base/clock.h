// The one source of time for code that needs it as an input, so that tests can move it.
#pragma once

#include <cstdint>

namespace fairlead {

class Clock {
 public:
  virtual ~Clock() = default;
  // CLOCK_MONOTONIC, nanoseconds.
  virtual int64_t MonotonicNs() const = 0;
  // CLOCK_REALTIME, nanoseconds since the epoch.
  virtual int64_t WallNs() const = 0;
};

// The machine's clocks.
const Clock& SystemClock();

class FakeClock : public Clock {
 public:
  int64_t MonotonicNs() const override { return monotonic_ns_; }
  int64_t WallNs() const override { return wall_ns_; }
  void Advance(int64_t ns) {
    monotonic_ns_ += ns;
    wall_ns_ += ns;
  }

 private:
  int64_t monotonic_ns_ = 1'000'000'000;
  int64_t wall_ns_ = 1'700'000'000'000'000'000;
};

}  // namespace fairlead
