// How full maps are, on the real kernel.
#include "datapath/map_usage.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include "base/unique_fd.h"

namespace fairlead::datapath {
namespace {

constexpr uint32_t kEntries = 10'000;  // several batches

struct PrefixKey {
  uint32_t length = 32;
  uint32_t address = 0;  // network order
};

uint64_t EntriesOf(int fd) {
  const std::vector<MapUsage> usage = ReadMapUsage({{"map", fd}}, {});
  return usage.empty() ? UINT64_MAX : usage[0].entries;
}

UniqueFd MakeHash() {
  return UniqueFd(bpf_map_create(BPF_MAP_TYPE_HASH, "fl_test", sizeof(uint32_t), 64, 2 * kEntries, nullptr));
}

TEST(MapUsage, AHashOfAnySizeIsCountedExactly) {
  const UniqueFd map = MakeHash();
  ASSERT_TRUE(map.valid()) << "needs root";
  EXPECT_EQ(EntriesOf(map.get()), 0u);
  const char value[64] = {};
  for (uint32_t key = 0; key < kEntries; ++key) {
    ASSERT_EQ(bpf_map_update_elem(map.get(), &key, value, BPF_ANY), 0);
  }
  EXPECT_EQ(EntriesOf(map.get()), kEntries);
}

TEST(MapUsage, ATrieOfAnySizeIsCountedExactly) {
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_NO_PREALLOC);
  const UniqueFd map(
      bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "fl_test", sizeof(PrefixKey), 4, 2 * kEntries, &options));
  ASSERT_TRUE(map.valid()) << "needs root";
  EXPECT_EQ(EntriesOf(map.get()), 0u);
  for (uint32_t i = 0; i < kEntries; ++i) {
    const PrefixKey key{.address = htonl(i)};
    ASSERT_EQ(bpf_map_update_elem(map.get(), &key, &i, BPF_ANY), 0);
  }
  EXPECT_EQ(EntriesOf(map.get()), kEntries);
}

TEST(MapUsage, WhatTheOwnerCountsIsBelieved) {
  const UniqueFd map = MakeHash();
  ASSERT_TRUE(map.valid()) << "needs root";
  const std::vector<MapUsage> usage = ReadMapUsage({{"map", map.get()}}, {{"map", 7}});
  ASSERT_EQ(usage.size(), 1u);
  EXPECT_EQ(usage[0].entries, 7u);
  EXPECT_EQ(usage[0].capacity, 2 * kEntries);
}

}  // namespace
}  // namespace fairlead::datapath
