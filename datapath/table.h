// One map as the agent believes that it is. Writes only what differs; a failed write leaves belief
// and kernel as they were. Verify compares with the kernel and mends.
//
//   Table<MapId::kLocation> location(kernel, stats);
//   RETURN_IF_ERROR(location.Load());             // adopt what a predecessor wrote
//   RETURN_IF_ERROR(location.Set(address, where));
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/status_macros.h"
#include "datapath/kernel_maps.h"
#include "datapath/map_limits.h"

namespace fairlead::datapath {

// The structs of datapath/abi have no hidden padding, so bytes are their value.
template <typename T>
absl::string_view BytesOf(const T& value) {
  return absl::string_view(reinterpret_cast<const char*>(&value), sizeof(value));
}
template <typename T>
struct ByteHash {
  size_t operator()(const T& value) const { return absl::HashOf(BytesOf(value)); }
};
template <typename T>
struct ByteEqual {
  bool operator()(const T& a, const T& b) const { return memcmp(&a, &b, sizeof(T)) == 0; }
};
template <typename Key, typename Value>
using ByteMap = absl::flat_hash_map<Key, Value, ByteHash<Key>, ByteEqual<Key>>;

// Counts over all tables of a datapath.
struct WriteStats {
  uint64_t writes = 0;
  uint64_t repaired = 0;
};

// "map row_word is full: 1048570 of 1048576 entries in use"
inline absl::Status FullError(MapId map, uint64_t used, uint64_t capacity) {
  return absl::ResourceExhaustedError(absl::StrCat("map ", ShapeOf(map).name, " is full: ", used, " of ",
                                                   capacity, " entries in use (docs/limits.md)"));
}

template <MapId id>
class Table {
 public:
  using Key = typename MapTypes<id>::Key;
  using Value = typename MapTypes<id>::Value;

  Table(KernelMaps& kernel, WriteStats& stats) : kernel_(kernel), stats_(stats) {}

  // Takes over what the kernel holds now.
  absl::Status Load() {
    held_.clear();
    return ReadBack(held_);
  }

  const Value* Find(const Key& key) const {
    auto found = held_.find(key);
    return found == held_.end() ? nullptr : &found->second;
  }
  // Zero when absent, as an unused entry of an array is.
  Value Get(const Key& key) const {
    const Value* value = Find(key);
    return value != nullptr ? *value : Value{};
  }

  absl::Status Set(const Key& key, const Value& value) {
    const Value* old = Find(key);
    if (old != nullptr && BytesOf(*old) == BytesOf(value)) return absl::OkStatus();
    if (IsArray(id) && old == nullptr && IsZero(value)) return absl::OkStatus();
    if (!IsArray(id) && old == nullptr && held_.size() >= capacity()) {
      return FullError(id, held_.size(), capacity());
    }
    RETURN_IF_ERROR(kernel_.Update(id, &key, &value));
    ++stats_.writes;
    Remember(key, value);
    return absl::OkStatus();
  }

  // Absent already is no error.
  absl::Status Erase(const Key& key) {
    if (IsArray(id)) return Set(key, Value{});
    if (Find(key) == nullptr) return absl::OkStatus();
    absl::Status deleted = kernel_.Delete(id, &key);
    if (!deleted.ok() && !absl::IsNotFound(deleted)) return deleted;
    ++stats_.writes;
    held_.erase(key);
    return absl::OkStatus();
  }

  // Makes the kernel hold exactly what is believed; what had to be mended is counted as repaired.
  absl::Status Verify() {
    ByteMap<Key, Value> actual;
    RETURN_IF_ERROR(ReadBack(actual));
    for (const auto& [key, value] : held_) {
      auto found = actual.find(key);
      if (found != actual.end() && BytesOf(found->second) == BytesOf(value)) continue;
      RETURN_IF_ERROR(kernel_.Update(id, &key, &value));
      ++stats_.repaired;
    }
    for (const auto& [key, value] : actual) {
      if (held_.contains(key)) continue;
      const Value zero{};
      const absl::Status gone = IsArray(id) ? kernel_.Update(id, &key, &zero) : kernel_.Delete(id, &key);
      if (!gone.ok() && !absl::IsNotFound(gone)) return gone;
      ++stats_.repaired;
    }
    return absl::OkStatus();
  }

  const ByteMap<Key, Value>& held() const { return held_; }
  uint32_t capacity() const { return kernel_.Capacity(id); }

 private:
  static bool IsZero(const Value& value) { return BytesOf(value) == BytesOf(Value{}); }

  absl::Status ReadBack(ByteMap<Key, Value>& into) const {
    return kernel_.ForEach(id, [&](const void* key, const void* value) {
      Key k;
      Value v;
      memcpy(&k, key, sizeof(k));
      memcpy(&v, value, sizeof(v));
      into[k] = v;
    });
  }

  void Remember(const Key& key, const Value& value) {
    if (IsArray(id) && IsZero(value)) {
      held_.erase(key);
    } else {
      held_[key] = value;
    }
  }

  KernelMaps& kernel_;
  WriteStats& stats_;
  ByteMap<Key, Value> held_;
};

}  // namespace fairlead::datapath
