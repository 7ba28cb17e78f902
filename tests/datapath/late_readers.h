// Programs that have read an entry just before it was replaced: what it leads them to has to stay as it was
// until the next grace period. Watches the writes to a kernel in memory.
//
//   LateReaders readers(kernel);
//   kernel.on_write = [&](const FakeKernel::Write& write) { wrong += readers.After(write); };
#pragma once

#include <map>
#include <string>
#include <utility>

#include "datapath/fake_kernel.h"

namespace fairlead::datapath {

class LateReaders {
 public:
  explicit LateReaders(const FakeKernel& kernel);

  // "", or the entry that changed under a reader's feet.
  std::string After(const FakeKernel::Write& write);
  // Entries that readers were led to, over all.
  uint64_t held() const { return held_count_; }

 private:
  void Hold(MapId map, const std::string& key);
  void HoldRow(uint32_t generation, uint32_t offset);
  void HoldGeneration(uint32_t generation);
  void HoldClass(uint32_t class_id);
  void HoldOld(MapId map, const std::string& value, const std::string& now);

  const FakeKernel& kernel_;
  int grace_periods_ = 0;
  // Of the maps that lead to others.
  std::map<MapId, std::map<std::string, std::string>> leading_;
  std::map<std::pair<MapId, std::string>, std::string> expected_;
  uint64_t held_count_ = 0;
};

}  // namespace fairlead::datapath
