#include "bench/load/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace fairlead::bench {
namespace {

TEST(Histogram, IsEmptyAtFirst) {
  const Histogram h;
  EXPECT_EQ(h.count(), 0u);
  EXPECT_EQ(h.Percentile(50), 0);
  EXPECT_EQ(h.mean_ns(), 0);
}

TEST(Histogram, PercentilesAreWithinAHalfPercentOfExactOnes) {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> latency(std::log(6000), 1.5);
  Histogram h;
  std::vector<int64_t> exact;
  for (int i = 0; i < 200'000; ++i) {
    exact.push_back(static_cast<int64_t>(latency(random)));
    h.Add(exact.back());
  }
  std::sort(exact.begin(), exact.end());
  for (const double percent : {1.0, 50.0, 90.0, 99.0, 99.9}) {
    const auto expected = static_cast<double>(exact[static_cast<size_t>(percent / 100 * exact.size())]);
    EXPECT_NEAR(h.Percentile(percent), expected, expected * 0.005) << "p" << percent;
  }
  EXPECT_EQ(h.max_ns(), exact.back());
}

TEST(Histogram, PercentileNeverExceedsTheMaximum) {
  Histogram h;
  h.Add(1'000'003);
  EXPECT_LE(h.Percentile(99.9), 1'000'003);
  EXPECT_GE(h.Percentile(50), 1'000'003 * 0.998);
}

TEST(Histogram, TakesNegativeAndHugeDurationsAtTheEnds) {
  Histogram h;
  h.Add(-5);
  h.Add(INT64_MAX);
  EXPECT_EQ(h.count(), 2u);
  EXPECT_EQ(h.max_ns(), (int64_t{1} << 40) - 1);
}

TEST(Histogram, MergeIsAddingAllSamples) {
  Histogram a, b, both;
  for (int64_t i = 0; i < 1000; ++i) {
    a.Add(i * 3);
    both.Add(i * 3);
    b.Add(i * 1009);
    both.Add(i * 1009);
  }
  a.Merge(b);
  EXPECT_EQ(a.ToJson(), both.ToJson());
}

}  // namespace
}  // namespace fairlead::bench
