// Whether a load was slower in some stretches of time than in others of the same run. Everything is a
// ratio between neighbours: a busy machine is slow in both. And everything is the smallest of all ratios:
// what the tried thing does it does every time, what else goes on here it does not. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fairlead::test {

struct TimedLatency {
  int64_t sent_ns = 0;
  double ms = 0;
};

struct Stretch {
  int64_t begin_ns = 0, end_ns = 0;
};

// Latencies of what was sent in the stretch, sorted.
std::vector<double> Within(const std::vector<TimedLatency>& all, const Stretch& stretch);

// Two neighbours in time; both sorted and not empty.
struct Pair {
  std::vector<double> tried, control;
};

struct Slowdown {
  double median_ratio = 0;
  // p98 to p99 of the control: a tail that is a hundredth of all may as well be two.
  double tail_ratio = 0;
  // Share of what took longer than kOutlier times the slowest of all controls.
  double outliers = 0;

  static constexpr double kOutlier = 3;
  // What chance does on a busy machine stays below (see slowdown_test.cc); a load that stands still for a
  // few per cent of the time, or loses a first packet in a few hundred, does not.
  static constexpr double kMaxMedianRatio = 3, kMaxTailRatio = 5, kMaxOutliers = 0.001;

  bool acceptable() const {
    return median_ratio <= kMaxMedianRatio && tail_ratio <= kMaxTailRatio && outliers <= kMaxOutliers;
  }
  std::string ToString() const;
};

Slowdown Compare(const std::vector<Pair>& pairs);

}  // namespace fairlead::test
