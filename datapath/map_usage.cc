#include "datapath/map_usage.h"

#include <bpf/bpf.h>

#include <fstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "datapath/event_reader.h"
#include "datapath/words.h"

namespace fairlead::datapath {
namespace {

bool CanBeWalked(uint32_t type) {
  return type == BPF_MAP_TYPE_HASH || type == BPF_MAP_TYPE_LRU_HASH || type == BPF_MAP_TYPE_LPM_TRIE;
}

uint64_t CountEntries(int fd, uint32_t key_size) {
  std::vector<uint8_t> key(key_size), next(key_size);
  uint64_t count = 0;
  for (bool more = bpf_map_get_next_key(fd, nullptr, next.data()) == 0; more;
       more = bpf_map_get_next_key(fd, key.data(), next.data()) == 0) {
    key = next;
    ++count;
  }
  return count;
}

uint64_t MemoryOf(int fd) {
  std::ifstream info(absl::StrCat("/proc/self/fdinfo/", fd));
  for (std::string line; std::getline(info, line);) {
    absl::string_view rest = line;
    uint64_t bytes = 0;
    if (absl::ConsumePrefix(&rest, "memlock:") && absl::SimpleAtoi(rest, &bytes)) return bytes;
  }
  return 0;
}

}  // namespace

std::vector<MapUsage> ReadMapUsage(const std::map<std::string, int>& maps,
                                   const std::map<std::string, uint64_t>& entries) {
  std::vector<MapUsage> usages;
  for (const auto& [name, fd] : maps) {
    bpf_map_info info{};
    uint32_t size = sizeof(info);
    if (fd < 0 || bpf_map_get_info_by_fd(fd, &info, &size) != 0) continue;
    MapUsage usage{
        .name = name, .entries = info.max_entries, .capacity = info.max_entries, .bytes = MemoryOf(fd)};
    if (auto counted = entries.find(name); counted != entries.end()) {
      usage.entries = counted->second;
    } else if (CanBeWalked(info.type)) {
      usage.entries = CountEntries(fd, info.key_size);
    }
    usages.push_back(usage);
  }
  return usages;
}

std::vector<ReasonCount> ReadDrops(int reason_counter_fd) {
  std::vector<ReasonCount> drops;
  for (uint32_t reason = FL_REASON_FORWARDED + 1; reason < FL_REASON_COUNT; ++reason) {
    uint64_t counter[2] = {};
    if (!SumPerCpu(reason_counter_fd, reason, counter, 2).ok() || counter[0] == 0) continue;
    drops.push_back({ReasonName(reason), counter[0], counter[1]});
  }
  return drops;
}

}  // namespace fairlead::datapath
