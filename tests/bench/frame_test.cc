#include "bench/program/frame.h"

#include <gtest/gtest.h>

#include <numeric>

namespace fairlead::bench {
namespace {

constexpr size_t kIp = 14, kL4 = 34;

uint32_t Word(const std::vector<uint8_t>& frame, size_t at) {
  return static_cast<uint32_t>(frame[at] << 8 | frame[at + 1]);
}

// The ones' complement sum of words, which is 0xffff over anything with its checksum in it (RFC 1071).
uint32_t Sum(const std::vector<uint8_t>& frame, size_t from, size_t to, uint32_t sum) {
  for (size_t at = from; at + 1 < to; at += 2) sum += Word(frame, at);
  if ((to - from) % 2 == 1) sum += static_cast<uint32_t>(frame[to - 1] << 8);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

class FrameTest : public testing::TestWithParam<std::pair<int, int>> {};  // protocol, payload bytes

TEST_P(FrameTest, LengthsAndChecksumsAreRight) {
  const auto [protocol, payload] = GetParam();
  const std::vector<uint8_t> frame =
      MakeFrame({.source_mac = {2, 0, 0, 0, 0, 1}, .source = 0x0af40102, .destination = 0x0af40103},
                {.protocol = static_cast<uint8_t>(protocol),
                 .source_port = 1234,
                 .destination_port = 80,
                 .tcp_flags = kSyn,
                 .payload_bytes = payload});
  ASSERT_EQ(frame.size(), kL4 + (protocol == 6 ? 20 : 8) + static_cast<size_t>(payload));
  EXPECT_EQ(Word(frame, kIp + 2), frame.size() - kIp);
  EXPECT_EQ(Sum(frame, kIp, kL4, 0), 0xffffu);
  const auto length = static_cast<uint32_t>(frame.size() - kL4);
  EXPECT_EQ(
      Sum(frame, kL4, frame.size(), Sum(frame, kIp + 12, kL4, static_cast<uint32_t>(protocol) + length)),
      0xffffu);
  EXPECT_EQ(Word(frame, kL4), 1234u);
  EXPECT_EQ(frame[11], 1);
}

INSTANTIATE_TEST_SUITE_P(Kinds, FrameTest,
                         testing::Values(std::pair{6, 64}, std::pair{6, 0}, std::pair{17, 64},
                                         std::pair{17, 63}));

}  // namespace
}  // namespace fairlead::bench
