// The policy sets of the node: a number for each name, and which generation is in force under it.
// One aligned 8-byte write of the map "policy_set" puts a new generation in force.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datapath/generation_store.h"
#include "datapath/id_pool.h"
#include "datapath/names.h"

namespace fairlead::datapath {

struct HeldSet {
  uint32_t index = 0;
  std::string name;  // empty: a predecessor's, not met again yet
  Generation generation;
  bool broken = false;  // its generation is not whole: it has no rows that could be added to
};

class SetTable {
 public:
  SetTable(KernelMaps& kernel, WriteStats& stats, NameTable& names, uint32_t first_epoch);

  absl::Status Load();

  // Makes the set say `rules`: a new generation is built beside the one in force, then put in force.
  // On failure the old one stays.
  absl::Status Put(const std::string& name, const policy::PolicySet& rules, const ClassesById& classes);
  // Gives a set that a predecessor made its name back, if it says the same.
  void Meet(const std::string& name, const policy::PolicySet& rules, const ClassesById& classes);
  // Nothing points to it any more. Its number is free after Reclaim.
  absl::Status Remove(uint32_t index);
  // Connections decided under the set are decided again by their next packet.
  absl::Status BumpEpoch(uint32_t index);

  const HeldSet* Find(const std::string& name) const;
  const HeldSet* At(uint32_t index) const;
  void ForEach(const std::function<void(HeldSet&)>& visit);
  // A predecessor's rules are in force whose text is not known.
  bool HasUnknown() const;
  uint32_t EpochOf(uint32_t index) const { return entries_.Get(index).epoch; }
  // What a generation says or said, by its number; nullptr when that is too long ago.
  const policy::PolicySet* Said(uint32_t generation_number) const;

  bool HasGarbage() const {
    return generations_.HasGarbage() || indexes_.HasQuarantine() || !reserved_.empty();
  }
  absl::Status Reclaim();
  absl::Status Verify();
  GenerationStore& generations() { return generations_; }
  const GenerationStore& generations() const { return generations_; }
  uint32_t used() const { return indexes_.used(); }
  const std::map<uint32_t, HeldSet>& held() const { return held_; }

 private:
  HeldSet* Named(const std::string& name);
  // The number that the name had before, if nobody else has it.
  std::optional<uint32_t> TakeIndex(const std::string& name);
  uint32_t NextEpoch(uint32_t index) const;
  absl::Status ForgetUnusedNames();
  absl::Status PutInForce(HeldSet& set, Generation generation);
  void Retire(Generation generation);

  NameTable& names_;
  GenerationStore generations_;
  Table<MapId::kPolicySet> entries_;
  IdPool indexes_;
  // Numbers of names of which this map holds no set: it is a new one (its layout changed), and until it is in
  // force the predecessor's programs find that name's set, and no other, by the number in their own.
  std::set<uint32_t> reserved_;
  const uint32_t first_epoch_;
  std::map<uint32_t, HeldSet> held_;  // by index
  std::map<std::string, uint32_t> by_name_;
  // Of generations that are no longer in force, for events that are read late.
  std::deque<std::pair<uint32_t, SharedRules>> history_;
};

}  // namespace fairlead::datapath
