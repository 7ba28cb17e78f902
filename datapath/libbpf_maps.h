// KernelMaps over the kernel's own maps. Arrays that were made mappable are read and written in
// memory; an entry's first 8 bytes are stored last and in one piece.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "datapath/kernel_maps.h"

namespace fairlead::datapath {

class LibbpfMaps : public KernelMaps {
 public:
  // `fds`: name -> descriptor, borrowed; those of the connection table are used, too.
  static absl::StatusOr<std::unique_ptr<LibbpfMaps>> Open(const std::map<std::string, int>& fds);
  ~LibbpfMaps() override;

  uint32_t Capacity(MapId map) const override { return At(map).max_entries; }
  absl::Status Update(MapId map, const void* key, const void* value) override;
  absl::Status Delete(MapId map, const void* key) override;
  absl::StatusOr<bool> Lookup(MapId map, const void* key, void* value) const override;
  absl::Status ForEach(MapId map, const std::function<void(const void*, const void*)>& visit) const override;
  absl::Status WriteSpan(MapId map, uint32_t first, const void* values, uint32_t count) override;
  absl::Status ReadSpan(MapId map, uint32_t first, void* values, uint32_t count) const override;
  void WaitForReaders() override;
  uint32_t SweepPasses() const override;

 private:
  struct Map {
    int fd = -1;
    uint32_t max_entries = 0;
    uint8_t* memory = nullptr;  // mapped array; null: by system calls
    size_t stride = 0;
    size_t mapped_size = 0;
  };

  LibbpfMaps() = default;
  const Map& At(MapId map) const { return maps_[static_cast<size_t>(map)]; }
  absl::Status CheckIndex(MapId map, uint32_t first, uint32_t count) const;
  absl::Status ForEachHashEntry(MapId map, const std::function<void(const void*, const void*)>& visit) const;

  std::vector<Map> maps_;
  int table_fd_ = -1;  // "ct_table"
};

}  // namespace fairlead::datapath
