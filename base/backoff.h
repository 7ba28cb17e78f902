// Waiting times between attempts: exponential with full jitter, so that those who fail together do not
// come back all at once. Pure but for its random numbers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>

namespace fairlead {

class Backoff {
 public:
  Backoff(int64_t first_ns, int64_t max_ns, uint64_t seed)
      : first_ns_(first_ns), max_ns_(max_ns), random_(seed) {}

  // Between half of the present step and the whole; the step doubles up to the maximum.
  int64_t NextNs() {
    const int64_t step_ns = std::min(max_ns_, first_ns_ << std::min(attempts_, kMaxShift));
    ++attempts_;
    return std::uniform_int_distribution<int64_t>(step_ns / 2, step_ns)(random_);
  }
  // Between half of the first step and the whole, however many attempts there were.
  int64_t ShortestNs() { return std::uniform_int_distribution<int64_t>(first_ns_ / 2, first_ns_)(random_); }
  // Between half of the maximum and the whole, however few attempts there were.
  int64_t LongestNs() { return std::uniform_int_distribution<int64_t>(max_ns_ / 2, max_ns_)(random_); }
  void Reset() { attempts_ = 0; }

 private:
  static constexpr int kMaxShift = 20;

  int64_t first_ns_;
  int64_t max_ns_;
  int attempts_ = 0;
  std::mt19937_64 random_;
};

}  // namespace fairlead
