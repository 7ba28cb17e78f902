#include "datapath/libbpf_maps.h"

#include <bpf/bpf.h>
#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "datapath/abi/conntrack.h"
#include "datapath/bpf_error.h"
#include "datapath/map_limits.h"

namespace fairlead::datapath {
namespace {

// Long enough for any program that runs now, where the kernel offers no exact way to wait.
constexpr std::chrono::milliseconds kFallbackGrace{200};

size_t RoundUp(size_t value, size_t unit) {
  return (value + unit - 1) / unit * unit;
}

void StoreEntry(uint8_t* at, const void* value, size_t size) {
  if (size < sizeof(uint64_t)) {
    if (size == sizeof(uint32_t)) {
      uint32_t word;
      memcpy(&word, value, sizeof(word));
      __atomic_store_n(reinterpret_cast<uint32_t*>(at), word, __ATOMIC_RELEASE);
      return;
    }
    memcpy(at, value, size);
    return;
  }
  uint64_t head;
  memcpy(&head, value, sizeof(head));
  memcpy(at + sizeof(head), static_cast<const uint8_t*>(value) + sizeof(head), size - sizeof(head));
  __atomic_store_n(reinterpret_cast<uint64_t*>(at), head, __ATOMIC_RELEASE);
}

}  // namespace

absl::StatusOr<std::unique_ptr<LibbpfMaps>> LibbpfMaps::Open(const std::map<std::string, int>& fds) {
  std::unique_ptr<LibbpfMaps> maps(new LibbpfMaps());
  maps->maps_.resize(kMapShapes.size());
  for (size_t i = 0; i < kMapShapes.size(); ++i) {
    auto fd = fds.find(kMapShapes[i].name);
    if (fd == fds.end()) continue;
    Map& map = maps->maps_[i];
    map.fd = fd->second;
    bpf_map_info info{};
    uint32_t size = sizeof(info);
    if (bpf_map_get_info_by_fd(map.fd, &info, &size) != 0) {
      return BpfError(errno, absl::StrCat("ask about map ", kMapShapes[i].name));
    }
    map.max_entries = info.max_entries;
    if (info.type != BPF_MAP_TYPE_ARRAY || (info.map_flags & BPF_F_MMAPABLE) == 0) continue;
    map.stride = RoundUp(info.value_size, sizeof(uint64_t));
    map.mapped_size = RoundUp(map.stride * info.max_entries, static_cast<size_t>(sysconf(_SC_PAGESIZE)));
    void* memory = mmap(nullptr, map.mapped_size, PROT_READ | PROT_WRITE, MAP_SHARED, map.fd, 0);
    if (memory == MAP_FAILED)
      return BpfError(errno, absl::StrCat("map ", kMapShapes[i].name, " into memory"));
    map.memory = static_cast<uint8_t*>(memory);
  }
  if (auto table = fds.find("ct_table"); table != fds.end()) maps->table_fd_ = table->second;
  return maps;
}

LibbpfMaps::~LibbpfMaps() {
  for (const Map& map : maps_) {
    if (map.memory != nullptr) munmap(map.memory, map.mapped_size);
  }
}

absl::Status LibbpfMaps::CheckIndex(MapId map, uint32_t first, uint32_t count) const {
  if (first < At(map).max_entries && count <= At(map).max_entries - first) return absl::OkStatus();
  return absl::OutOfRangeError(
      absl::StrCat("map ", ShapeOf(map).name, " has no entries ", first, "..", first + uint64_t{count} - 1));
}

absl::Status LibbpfMaps::Update(MapId map, const void* key, const void* value) {
  const Map& m = At(map);
  if (m.memory != nullptr) {
    uint32_t index;
    memcpy(&index, key, sizeof(index));
    RETURN_IF_ERROR(CheckIndex(map, index, 1));
    StoreEntry(m.memory + index * m.stride, value, ShapeOf(map).value_size);
    return absl::OkStatus();
  }
  if (bpf_map_update_elem(m.fd, key, value, BPF_ANY) != 0) {
    return BpfError(errno, absl::StrCat("update map ", ShapeOf(map).name));
  }
  return absl::OkStatus();
}

absl::Status LibbpfMaps::Delete(MapId map, const void* key) {
  if (bpf_map_delete_elem(At(map).fd, key) != 0) {
    return BpfError(errno, absl::StrCat("delete from map ", ShapeOf(map).name));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> LibbpfMaps::Lookup(MapId map, const void* key, void* value) const {
  const Map& m = At(map);
  if (m.memory != nullptr) {
    uint32_t index;
    memcpy(&index, key, sizeof(index));
    RETURN_IF_ERROR(ReadSpan(map, index, value, 1));
    return true;
  }
  if (bpf_map_lookup_elem(m.fd, key, value) == 0) return true;
  if (errno == ENOENT) return false;
  return BpfError(errno, absl::StrCat("look up in map ", ShapeOf(map).name));
}

absl::Status LibbpfMaps::WriteSpan(MapId map, uint32_t first, const void* values, uint32_t count) {
  RETURN_IF_ERROR(CheckIndex(map, first, std::max(count, 1u)));
  const size_t size = ShapeOf(map).value_size;
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t index = first + i;
    RETURN_IF_ERROR(Update(map, &index, static_cast<const uint8_t*>(values) + i * size));
  }
  return absl::OkStatus();
}

absl::Status LibbpfMaps::ReadSpan(MapId map, uint32_t first, void* values, uint32_t count) const {
  RETURN_IF_ERROR(CheckIndex(map, first, std::max(count, 1u)));
  const Map& m = At(map);
  const size_t size = ShapeOf(map).value_size;
  for (uint32_t i = 0; i < count; ++i) {
    auto* value = static_cast<uint8_t*>(values) + i * size;
    const uint32_t index = first + i;
    if (m.memory != nullptr) {
      memcpy(value, m.memory + index * m.stride, size);
    } else if (bpf_map_lookup_elem(m.fd, &index, value) != 0) {
      return BpfError(errno, absl::StrCat("read map ", ShapeOf(map).name, "[", index, "]"));
    }
  }
  return absl::OkStatus();
}

absl::Status LibbpfMaps::ForEach(MapId map,
                                 const std::function<void(const void*, const void*)>& visit) const {
  const Map& m = At(map);
  if (m.fd < 0) return absl::OkStatus();
  if (!IsArray(map)) return ForEachHashEntry(map, visit);
  const size_t size = ShapeOf(map).value_size;
  const std::vector<uint8_t> zero(size);
  std::vector<uint8_t> value(size);
  for (uint32_t index = 0; index < m.max_entries; ++index) {
    RETURN_IF_ERROR(ReadSpan(map, index, value.data(), 1));
    if (memcmp(value.data(), zero.data(), size) != 0) visit(&index, value.data());
  }
  return absl::OkStatus();
}

absl::Status LibbpfMaps::ForEachHashEntry(MapId map,
                                          const std::function<void(const void*, const void*)>& visit) const {
  // The agent is the only writer, so keys do not move while they are walked.
  const Map& m = At(map);
  std::vector<uint8_t> key(ShapeOf(map).key_size), next(key.size()), value(ShapeOf(map).value_size);
  int error = bpf_map_get_next_key(m.fd, nullptr, next.data()) == 0 ? 0 : errno;
  while (error == 0) {
    key = next;
    if (bpf_map_lookup_elem(m.fd, key.data(), value.data()) == 0) visit(key.data(), value.data());
    error = bpf_map_get_next_key(m.fd, key.data(), next.data()) == 0 ? 0 : errno;
  }
  if (error == ENOENT) return absl::OkStatus();
  return BpfError(error, absl::StrCat("walk map ", ShapeOf(map).name));
}

void LibbpfMaps::WaitForReaders() {
  // MEMBARRIER_CMD_GLOBAL is synchronize_rcu(): programs run inside RCU read-side sections.
  if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) != 0) std::this_thread::sleep_for(kFallbackGrace);
}

uint32_t LibbpfMaps::SweepPasses() const {
  const uint32_t first = 0;
  fl_ct_table table{};
  if (table_fd_ < 0 || bpf_map_lookup_elem(table_fd_, &first, &table) != 0) return 0;
  return table.passes;
}

}  // namespace fairlead::datapath
