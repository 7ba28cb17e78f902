// The judge of the restart test: it sees what it has to see, and is not to be had by a busy machine.
#include "tests/lab/slowdown.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace fairlead::test {
namespace {

constexpr size_t kSamples = 1500;

// 0.15 ms for most; on a busy machine `busy` of them wait for the processor, up to 40 ms.
std::vector<double> Latencies(uint32_t seed, double busy) {
  std::mt19937 random(seed);
  std::vector<double> latencies(kSamples);
  for (double& latency : latencies) {
    latency = std::lognormal_distribution<double>(-1.9, 0.4)(random);
    if (std::bernoulli_distribution(busy)(random)) {
      latency += std::min(40.0, std::exponential_distribution<double>(0.2)(random));
    }
  }
  std::sort(latencies.begin(), latencies.end());
  return latencies;
}

std::vector<double> WithDelay(std::vector<double> latencies, size_t every, double delay_ms) {
  for (size_t i = 0; i < latencies.size(); i += every) latencies[i] += delay_ms;
  std::sort(latencies.begin(), latencies.end());
  return latencies;
}

// Four pairs; `delay` of every `every`-th of the tried.
std::vector<Pair> Pairs(uint32_t seed, double busy, size_t every, double delay_ms) {
  std::vector<Pair> pairs;
  for (uint32_t i = 0; i < 4; ++i) {
    pairs.push_back(
        {WithDelay(Latencies(8 * seed + i, busy), every, delay_ms), Latencies(8 * seed + 4 + i, busy)});
  }
  return pairs;
}

TEST(SlowdownTest, ChanceIsAccepted) {
  for (const double busy : {0.0, 0.02, 0.3}) {
    for (uint32_t seed = 0; seed < 50; ++seed) {
      const Slowdown slowdown = Compare(Pairs(seed, busy, 1, 0));
      EXPECT_TRUE(slowdown.acceptable())
          << "busy " << busy << " seed " << seed << ": " << slowdown.ToString();
    }
  }
}

TEST(SlowdownTest, OtherWorkThatComesAndGoesIsAccepted) {
  for (uint32_t seed = 0; seed < 50; ++seed) {
    std::vector<Pair> pairs = Pairs(seed, 0.01, 1, 0);
    for (size_t i = 0; i < 3; ++i) pairs[i].tried = Latencies(1000 + 3 * seed, 0.5);
    const Slowdown slowdown = Compare(pairs);
    EXPECT_TRUE(slowdown.acceptable()) << "seed " << seed << ": " << slowdown.ToString();
  }
}

TEST(SlowdownTest, AStallOfAFewPerCentOfTheTimeIsSeen) {
  for (const double busy : {0.0, 0.02, 0.3}) {
    const Slowdown slowdown = Compare(Pairs(1, busy, 40, 200));
    EXPECT_FALSE(slowdown.acceptable()) << "busy " << busy << ": " << slowdown.ToString();
  }
}

TEST(SlowdownTest, AFirstPacketLostAtEachRestartIsSeen) {
  // Six restarts a stretch, and each time one connection has to send its SYN again, after a second.
  for (const double busy : {0.0, 0.02, 0.3}) {
    const Slowdown slowdown = Compare(Pairs(1, busy, kSamples / 6, 1000));
    EXPECT_FALSE(slowdown.acceptable()) << "busy " << busy << ": " << slowdown.ToString();
  }
}

TEST(SlowdownTest, ALoadThatIsSlowerThroughoutIsSeen) {
  const Slowdown slowdown = Compare(Pairs(1, 0.02, 1, 0.5));
  EXPECT_FALSE(slowdown.acceptable()) << slowdown.ToString();
}

TEST(SlowdownTest, OnlyWhatWasSentInTheStretchCounts) {
  EXPECT_EQ(Within({{5, 1}, {10, 3}, {15, 2}, {20, 9}}, {10, 20}), (std::vector<double>{2, 3}));
}

}  // namespace
}  // namespace fairlead::test
