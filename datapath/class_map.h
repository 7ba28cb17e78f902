// Which class every address has: the maps "class_by_address" (whole addresses) and
// "class_by_prefix" (the longest prefix, for addresses that the first does not hold).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "datapath/abi_convert.h"
#include "datapath/table.h"

namespace fairlead::datapath {

using ClassTarget = ByteMap<fl_address_prefix, uint32_t>;

struct ClassChange {
  fl_address_prefix at;
  std::optional<uint32_t> to;  // nullopt: the entry goes
};

class ClassMap {
 public:
  ClassMap(KernelMaps& kernel, WriteStats& stats) : by_address_(kernel, stats), by_prefix_(kernel, stats) {}

  absl::Status Load();

  // The number in the entry for exactly this prefix.
  std::optional<uint32_t> Entry(const fl_address_prefix& at) const;
  // The number that addresses of `at` have which no longer prefix covers.
  uint32_t Effective(const fl_address_prefix& at) const;

  // What to change so that the maps say `target`, in an order in which no address passes through a
  // class that is neither its old nor its new one. Entries that are not in `target` stay unless
  // `with_deletions`.
  std::vector<ClassChange> Difference(const ClassTarget& target, bool with_deletions) const;
  // As Difference puts changes into order.
  static void Order(std::vector<ClassChange>& changes);
  absl::Status Write(const ClassChange& change);

  void ForEach(const std::function<void(const fl_address_prefix&, uint32_t)>& visit) const;
  bool InUse(uint32_t class_id) const { return uses_.contains(class_id); }
  absl::Status Verify();

 private:
  void Count(std::optional<uint32_t> gone, std::optional<uint32_t> come);

  Table<MapId::kClassByAddress> by_address_;
  Table<MapId::kClassByPrefix> by_prefix_;
  std::map<uint32_t, uint32_t> lengths_;          // of by_prefix_ -> how many entries
  absl::flat_hash_map<uint32_t, uint32_t> uses_;  // class -> entries
};

}  // namespace fairlead::datapath
