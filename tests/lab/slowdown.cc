#include "tests/lab/slowdown.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"

namespace fairlead::test {
namespace {

double Percentile(const std::vector<double>& sorted, double p) {
  return sorted[std::min(sorted.size() - 1, static_cast<size_t>(p * static_cast<double>(sorted.size())))];
}

}  // namespace

std::vector<double> Within(const std::vector<TimedLatency>& all, const Stretch& stretch) {
  std::vector<double> latencies;
  for (const TimedLatency& one : all) {
    if (stretch.begin_ns <= one.sent_ns && one.sent_ns < stretch.end_ns) latencies.push_back(one.ms);
  }
  std::sort(latencies.begin(), latencies.end());
  return latencies;
}

Slowdown Compare(const std::vector<Pair>& pairs) {
  double slowest = 0;
  for (const Pair& pair : pairs) slowest = std::max(slowest, pair.control.back());
  Slowdown least{.median_ratio = INFINITY, .tail_ratio = INFINITY, .outliers = 1};
  for (const auto& [tried, control] : pairs) {
    const auto beyond =
        tried.end() - std::upper_bound(tried.begin(), tried.end(), Slowdown::kOutlier * slowest);
    least.median_ratio = std::min(least.median_ratio, Percentile(tried, 0.5) / Percentile(control, 0.5));
    least.tail_ratio = std::min(least.tail_ratio, Percentile(tried, 0.98) / Percentile(control, 0.99));
    least.outliers =
        std::min(least.outliers, static_cast<double>(beyond) / static_cast<double>(tried.size()));
  }
  return least;
}

std::string Slowdown::ToString() const {
  return absl::StrFormat(
      "median %.2f times (at most %.0f), tail %.2f times (at most %.0f), outliers %.3f%% (at most %.1f%%)",
      median_ratio, kMaxMedianRatio, tail_ratio, kMaxTailRatio, 100 * outliers, 100 * kMaxOutliers);
}

}  // namespace fairlead::test
