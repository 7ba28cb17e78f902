// Numbers of address classes. A class keeps its number for as long as an address has it and for a
// grace period after that; a number never changes its meaning in between.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datapath/address_class.h"
#include "datapath/generation_store.h"
#include "datapath/id_pool.h"
#include "datapath/names.h"

namespace fairlead::datapath {

class ClassNumbers {
 public:
  explicit ClassNumbers(NameTable& names);

  // Numbers that the kernel's maps mention; what they stand for is learnt from names, one by one.
  void Adopt(uint32_t id);
  // The number of a class that is known, or was to a predecessor under the same name; 0 for the
  // class of no group, nullopt when it has none yet.
  std::optional<uint32_t> Find(const ClassKey& key);
  // Likewise, and gives it one.
  absl::StatusOr<uint32_t> Take(const ClassKey& key);
  // After a grace period, no address has the class and no generation a row of it.
  absl::Status Free(uint32_t id);
  // Of predecessors' classes that are no more.
  absl::Status ForgetUnusedNames();

  const ClassesById& known() const { return known_; }
  // Adopted numbers that nothing is known of.
  const absl::flat_hash_set<uint32_t>& unknown() const { return unknown_; }

 private:
  NameTable& names_;
  IdPool ids_;
  ClassesById known_;
  absl::flat_hash_map<ClassKey, uint32_t> by_key_;
  absl::flat_hash_set<uint32_t> unknown_;
};

}  // namespace fairlead::datapath
