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

TEST(MapUsage, AnArrayOfMapsTakesWhatItsMapsTake) {
  constexpr uint32_t kRingBytes = 1 << 16;
  const auto make_ring = [] {
    return UniqueFd(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "fl_test", 0, 0, kRingBytes, nullptr));
  };
  const std::vector<UniqueFd> rings = [&] {
    std::vector<UniqueFd> made;
    for (int i = 0; i < 2; ++i) made.push_back(make_ring());
    return made;
  }();
  ASSERT_TRUE(rings[0].valid()) << "needs root";
  LIBBPF_OPTS(bpf_map_create_opts, options, .inner_map_fd = static_cast<uint32_t>(rings[0].get()));
  const UniqueFd outer(bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "fl_test", 4, 4, 3, &options));
  ASSERT_TRUE(outer.valid());
  const uint64_t empty = ReadMapUsage({{"map", outer.get()}}, {})[0].bytes;
  for (uint32_t i = 0; i < rings.size(); ++i) {
    const int fd = rings[i].get();
    ASSERT_EQ(bpf_map_update_elem(outer.get(), &i, &fd, BPF_ANY), 0);
  }
  EXPECT_GE(ReadMapUsage({{"map", outer.get()}}, {})[0].bytes, empty + 2 * kRingBytes);
}

}  // namespace
}  // namespace fairlead::datapath
