// The judge of the restart test: it sees what it has to see, and is not to be had by a busy machine.
#include "tests/lab/slowdown.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace fairlead::test {
namespace {

constexpr size_t kSamples = 8000;

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

TEST(SlowdownTest, ChanceIsAccepted) {
  for (const double busy : {0.0, 0.02, 0.3}) {
    for (uint32_t seed = 0; seed < 50; ++seed) {
      const Slowdown slowdown = Compare(Latencies(2 * seed, busy), Latencies(2 * seed + 1, busy));
      EXPECT_TRUE(slowdown.acceptable())
          << "busy " << busy << " seed " << seed << ": " << slowdown.ToString();
    }
  }
}

TEST(SlowdownTest, AStallOfAFewPerCentOfTheTimeIsSeen) {
  for (const double busy : {0.0, 0.02, 0.3}) {
    const Slowdown slowdown = Compare(WithDelay(Latencies(1, busy), 40, 200), Latencies(2, busy));
    EXPECT_FALSE(slowdown.acceptable()) << "busy " << busy << ": " << slowdown.ToString();
  }
}

TEST(SlowdownTest, AFirstPacketLostAtEachRestartIsSeen) {
  // 20 restarts, and each time one connection has to send its SYN again, after a second.
  for (const double busy : {0.0, 0.02, 0.3}) {
    const Slowdown slowdown = Compare(WithDelay(Latencies(1, busy), kSamples / 20, 1000), Latencies(2, busy));
    EXPECT_FALSE(slowdown.acceptable()) << "busy " << busy << ": " << slowdown.ToString();
  }
}

TEST(SlowdownTest, ALoadThatIsSlowerThroughoutIsSeen) {
  const Slowdown slowdown = Compare(WithDelay(Latencies(1, 0.02), 1, 0.5), Latencies(2, 0.02));
  EXPECT_FALSE(slowdown.acceptable()) << slowdown.ToString();
}

TEST(SlowdownTest, OnlyWhatWasSentInTheStretchesCounts) {
  EXPECT_EQ(Within({{5, 1}, {10, 3}, {15, 2}, {20, 9}}, {{10, 20}}), (std::vector<double>{2, 3}));
}

}  // namespace
}  // namespace fairlead::test
