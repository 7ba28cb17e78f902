// KernelMaps in memory, for tests: keeps a log of writes, fails the n-th of them.
//
//   FakeKernel kernel;
//   kernel.fail_at = 3;  // the third write from now on is refused
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "datapath/kernel_maps.h"

namespace fairlead::datapath {

class FakeKernel : public KernelMaps {
 public:
  struct Write {
    MapId map;
    std::string key;
    std::string value;  // empty: a deletion
    bool deletion = false;
  };

  // Called after every write that succeeded.
  std::function<void(const Write&)> on_write;
  uint64_t writes = 0;
  // The write with this number, counted from 1 over the kernel's life, fails; 0: none.
  uint64_t fail_at = 0;
  // From fail_at on every write fails, as when memory is gone.
  bool fail_for_good = false;
  // Instead of the documented capacity; for tests of full maps.
  std::map<MapId, uint32_t> capacities;
  int grace_periods = 0;
  uint32_t sweep_passes = 0;

  // Everything, as bytes.
  const std::map<std::string, std::string>& Contents(MapId map) const;
  // Behind the agent's back.
  void Corrupt(MapId map, const std::string& key, const std::string& value) { maps_[map][key] = value; }
  void Lose(MapId map, const std::string& key) { maps_[map].erase(key); }

  uint32_t Capacity(MapId map) const override;
  absl::Status Update(MapId map, const void* key, const void* value) override;
  absl::Status Delete(MapId map, const void* key) override;
  absl::StatusOr<bool> Lookup(MapId map, const void* key, void* value) const override;
  absl::Status ForEach(MapId map, const std::function<void(const void*, const void*)>& visit) const override;
  absl::Status WriteSpan(MapId map, uint32_t first, const void* values, uint32_t count) override;
  absl::Status ReadSpan(MapId map, uint32_t first, void* values, uint32_t count) const override;
  void WaitForReaders() override { ++grace_periods; }
  uint32_t SweepPasses() const override { return sweep_passes; }

 private:
  absl::Status CountWrite(MapId map);

  mutable std::map<MapId, std::map<std::string, std::string>> maps_;
};

}  // namespace fairlead::datapath
