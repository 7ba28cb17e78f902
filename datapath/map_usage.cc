#include "datapath/map_usage.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/unique_fd.h"
#include "datapath/event_reader.h"
#include "datapath/words.h"

namespace fairlead::datapath {
namespace {

constexpr uint32_t kBatchBytes = 1 << 18;

bool CanBeWalked(uint32_t type) {
  return type == BPF_MAP_TYPE_HASH || type == BPF_MAP_TYPE_LRU_HASH || type == BPF_MAP_TYPE_LPM_TRIE;
}

// In batches: to step from key to key takes a system call each, and begins anew whenever the key is deleted
// meanwhile.
uint64_t CountEntries(int fd, const bpf_map_info& info) {
  const uint32_t batch = std::clamp(kBatchBytes / (info.key_size + info.value_size), 64u, 4096u);
  std::vector<uint8_t> keys(size_t{batch} * info.key_size), values(size_t{batch} * info.value_size);
  std::vector<uint8_t> place(std::max<size_t>(info.key_size, sizeof(uint32_t)));
  uint64_t entries = 0;
  for (bool first = true;; first = false) {
    uint32_t count = batch;
    LIBBPF_OPTS(bpf_map_batch_opts, options);
    const int result = bpf_map_lookup_batch(fd, first ? nullptr : place.data(), place.data(), keys.data(),
                                            values.data(), &count, &options);
    const int error = result == 0 ? 0 : errno;
    if (error == 0 || error == ENOENT) entries += count;
    if (error != 0) return entries;
  }
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

// Of the maps that the array of maps `fd` holds, which its own number leaves out.
uint64_t MemoryInside(int fd, uint32_t entries) {
  uint64_t bytes = 0;
  for (uint32_t key = 0; key < entries; ++key) {
    uint32_t id = 0;
    if (bpf_map_lookup_elem(fd, &key, &id) != 0) continue;
    const UniqueFd inner(bpf_map_get_fd_by_id(id));
    if (inner.valid()) bytes += MemoryOf(inner.get());
  }
  return bytes;
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
    if (info.type == BPF_MAP_TYPE_ARRAY_OF_MAPS) usage.bytes += MemoryInside(fd, info.max_entries);
    if (auto counted = entries.find(name); counted != entries.end()) {
      usage.entries = counted->second;
    } else if (CanBeWalked(info.type)) {
      usage.entries = CountEntries(fd, info);
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
