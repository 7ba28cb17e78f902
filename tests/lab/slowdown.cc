#include "tests/lab/slowdown.h"

#include <algorithm>

#include "absl/strings/str_format.h"

namespace fairlead::test {
namespace {

double Percentile(const std::vector<double>& sorted, double p) {
  return sorted[std::min(sorted.size() - 1, static_cast<size_t>(p * static_cast<double>(sorted.size())))];
}

}  // namespace

std::vector<double> Within(const std::vector<TimedLatency>& all, const std::vector<Stretch>& stretches) {
  std::vector<double> latencies;
  for (const TimedLatency& one : all) {
    const bool inside = std::any_of(stretches.begin(), stretches.end(), [&](const Stretch& stretch) {
      return stretch.begin_ns <= one.sent_ns && one.sent_ns < stretch.end_ns;
    });
    if (inside) latencies.push_back(one.ms);
  }
  std::sort(latencies.begin(), latencies.end());
  return latencies;
}

Slowdown Compare(const std::vector<double>& tried, const std::vector<double>& control) {
  const auto beyond =
      tried.end() - std::upper_bound(tried.begin(), tried.end(), Slowdown::kOutlier * control.back());
  return {.median_ratio = Percentile(tried, 0.5) / Percentile(control, 0.5),
          .p99_ratio = Percentile(tried, 0.99) / Percentile(control, 0.99),
          .outliers = static_cast<double>(beyond) / static_cast<double>(tried.size())};
}

std::string Slowdown::ToString() const {
  return absl::StrFormat(
      "median %.2f times (at most %.0f), p99 %.2f times (at most %.0f), outliers %.3f%% (at most %.1f%%)",
      median_ratio, kMaxMedianRatio, p99_ratio, kMaxP99Ratio, 100 * outliers, 100 * kMaxOutliers);
}

}  // namespace fairlead::test
