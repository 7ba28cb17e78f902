// The seam to the kernel's maps: bytes in, bytes out. libbpf_maps.h is the kernel, fake_kernel.h a
// map of bytes in memory that can fail the n-th write.
//
// Errors name the operation and the map; RESOURCE_EXHAUSTED when the map is full, NOT_FOUND when a
// key to delete is absent.
#pragma once

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datapath/map_table.h"

namespace fairlead::datapath {

class KernelMaps {
 public:
  virtual ~KernelMaps() = default;

  virtual uint32_t Capacity(MapId map) const = 0;

  // Keys and values have the sizes of ShapeOf(map). An array's 8-byte value is written in one piece.
  virtual absl::Status Update(MapId map, const void* key, const void* value) = 0;
  virtual absl::Status Delete(MapId map, const void* key) = 0;
  // False when there is no such key; never for an array.
  virtual absl::StatusOr<bool> Lookup(MapId map, const void* key, void* value) const = 0;
  // Every entry of a hash or trie; every entry of an array that is not all zero.
  virtual absl::Status ForEach(
      MapId map, const std::function<void(const void* key, const void* value)>& visit) const = 0;
  // Consecutive entries of an array, from `first`.
  virtual absl::Status WriteSpan(MapId map, uint32_t first, const void* values, uint32_t count) = 0;
  virtual absl::Status ReadSpan(MapId map, uint32_t first, void* values, uint32_t count) const = 0;

  // Returns when no program that runs can still hold what it has read before this call.
  virtual void WaitForReaders() = 0;
  // Passes of the connection sweep over the whole table so far.
  virtual uint32_t SweepPasses() const = 0;
};

}  // namespace fairlead::datapath
