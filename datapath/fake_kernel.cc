#include "datapath/fake_kernel.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "datapath/map_limits.h"

namespace fairlead::datapath {
namespace {

std::string Bytes(const void* data, size_t size) {
  return std::string(static_cast<const char*>(data), size);
}

bool AllZero(const std::string& bytes) {
  return bytes.find_first_not_of('\0') == std::string::npos;
}

std::string IndexKey(uint32_t index) {
  return Bytes(&index, sizeof(index));
}

}  // namespace

const std::map<std::string, std::string>& FakeKernel::Contents(MapId map) const {
  return maps_[map];
}

uint32_t FakeKernel::Capacity(MapId map) const {
  auto capacity = capacities.find(map);
  return capacity == capacities.end() ? MaxEntries(map) : capacity->second;
}

absl::Status FakeKernel::CountWrite(MapId map) {
  ++writes;
  if (fail_at != 0 && (writes == fail_at || (fail_for_good && writes > fail_at))) {
    return absl::InternalError(absl::StrCat("write ", ShapeOf(map).name, ": the test said so"));
  }
  return absl::OkStatus();
}

absl::Status FakeKernel::Update(MapId map, const void* key, const void* value) {
  if (absl::Status status = CountWrite(map); !status.ok()) return status;
  const Write write{map, Bytes(key, ShapeOf(map).key_size), Bytes(value, ShapeOf(map).value_size)};
  auto& entries = maps_[map];
  if (IsArray(map)) {
    uint32_t index;
    memcpy(&index, key, sizeof(index));
    if (index >= Capacity(map)) {
      return absl::OutOfRangeError(
          absl::StrCat("update ", ShapeOf(map).name, "[", index, "]: no such entry"));
    }
  } else if (!entries.contains(write.key) && entries.size() >= Capacity(map)) {
    return absl::ResourceExhaustedError(absl::StrCat("update ", ShapeOf(map).name, ": full"));
  }
  if (IsArray(map) && AllZero(write.value)) {
    entries.erase(write.key);
  } else {
    entries[write.key] = write.value;
  }
  if (on_write) on_write(write);
  return absl::OkStatus();
}

absl::Status FakeKernel::Delete(MapId map, const void* key) {
  if (absl::Status status = CountWrite(map); !status.ok()) return status;
  const Write write{map, Bytes(key, ShapeOf(map).key_size), "", true};
  if (maps_[map].erase(write.key) == 0) {
    return absl::NotFoundError(absl::StrCat("delete from ", ShapeOf(map).name, ": no such entry"));
  }
  if (on_write) on_write(write);
  return absl::OkStatus();
}

absl::StatusOr<bool> FakeKernel::Lookup(MapId map, const void* key, void* value) const {
  auto found = maps_[map].find(Bytes(key, ShapeOf(map).key_size));
  if (found == maps_[map].end()) {
    if (!IsArray(map)) return false;
    memset(value, 0, ShapeOf(map).value_size);
    return true;
  }
  memcpy(value, found->second.data(), found->second.size());
  return true;
}

absl::Status FakeKernel::ForEach(MapId map,
                                 const std::function<void(const void*, const void*)>& visit) const {
  for (const auto& [key, value] : maps_[map]) visit(key.data(), value.data());
  return absl::OkStatus();
}

absl::Status FakeKernel::WriteSpan(MapId map, uint32_t first, const void* values, uint32_t count) {
  const size_t size = ShapeOf(map).value_size;
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t index = first + i;
    if (absl::Status s = Update(map, &index, static_cast<const char*>(values) + i * size); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status FakeKernel::ReadSpan(MapId map, uint32_t first, void* values, uint32_t count) const {
  const size_t size = ShapeOf(map).value_size;
  for (uint32_t i = 0; i < count; ++i) {
    auto* value = static_cast<char*>(values) + i * size;
    auto found = maps_[map].find(IndexKey(first + i));
    if (found == maps_[map].end()) {
      memset(value, 0, size);
    } else {
      memcpy(value, found->second.data(), size);
    }
  }
  return absl::OkStatus();
}

}  // namespace fairlead::datapath
