// Whether a load was slower in some stretches of time than in others of the same run. Everything is a
// ratio: a busy machine is slow in both, and its latencies say nothing by themselves. Pure.
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

// Latencies of what was sent in the stretches, sorted.
std::vector<double> Within(const std::vector<TimedLatency>& all, const std::vector<Stretch>& stretches);

struct Slowdown {
  double median_ratio = 0, p99_ratio = 0;
  // Share of what took longer than kOutlier times the slowest of the control.
  double outliers = 0;

  static constexpr double kOutlier = 3;
  // What chance does on a busy machine stays below (see slowdown_test.cc); a load that stands still for a
  // few per cent of the time, or loses a first packet in a thousand, does not.
  static constexpr double kMaxMedianRatio = 3, kMaxP99Ratio = 5, kMaxOutliers = 0.001;

  bool acceptable() const {
    return median_ratio <= kMaxMedianRatio && p99_ratio <= kMaxP99Ratio && outliers <= kMaxOutliers;
  }
  std::string ToString() const;
};

// Both sorted and not empty.
Slowdown Compare(const std::vector<double>& tried, const std::vector<double>& control);

}  // namespace fairlead::test
