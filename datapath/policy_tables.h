// Policies in the kernel: publishes sets, groups and classes in the order that leaves no packet
// between two policies (design of abi/policy.h), and takes back what nothing needs any more.
//
//   1. rows of new classes in every generation in force
//   2. address -> class
//   3. epochs of the sets whose bits changed for that address
//   4. new generations, each put in force by one write
//   -- the caller points endpoints to their sets --
//   5. sets and groups that nothing mentions, then 1-3 again without them
//   6. after a grace period: generations, rows, numbers
//
// Once everything is known and held, only what is said to have changed is looked at. Whatever failed,
// and whatever a predecessor left whose meaning is not known, has everything compared again.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "datapath/class_map.h"
#include "datapath/class_numbers.h"
#include "datapath/desired_state.h"
#include "datapath/failures.h"
#include "datapath/set_table.h"
#include "datapath/state_changes.h"
#include "policy/class_index.h"

namespace fairlead::datapath {

class PolicyTables {
 public:
  PolicyTables(KernelMaps& kernel, WriteStats& stats, NameTable& names, uint32_t first_epoch);

  absl::Status Load();

  // Steps 1-4. What is in force for an object that fails stays in force.
  void Publish(const DesiredState& desired, const StateChanges& changes, Failures& failures);
  // Step 5. `sets_in_use`: numbers that endpoints point to.
  void Retire(const DesiredState& desired, const StateChanges& changes,
              const std::function<std::set<uint32_t>()>& sets_in_use, Failures& failures);
  // Step 6; call after a grace period.
  bool HasGarbage() const { return sets_.HasGarbage() || classes_changed_; }
  absl::Status Reclaim();
  absl::Status Verify();

  SetTable& sets() { return sets_; }
  const SetTable& sets() const { return sets_; }
  // Words for `number` of a class: the groups that its addresses are in.
  const ClassKey* ClassAt(uint32_t number) const;
  // A group in words; its name when it has none.
  std::string GroupWords(const std::string& name) const;

 private:
  using Classification = std::map<IpPrefix, policy::AddressClass>;
  using Prefixes = std::vector<fl_address_prefix>;

  // Everything compared: TakeGroups, classes, sets; or what has changed.
  void PublishAll(const DesiredState& desired, Failures& failures);
  void PublishChanged(const DesiredState& desired, const StateChanges& changes, Failures& failures);
  void PutSet(const std::string& name, const policy::PolicySet& set,
              const std::set<std::string>& unclassified, Failures& failures);
  void RetireAll(const DesiredState& desired, const std::set<uint32_t>& in_use, Failures& failures);
  void RetireLeaving(const std::function<std::set<uint32_t>()>& sets_in_use, Failures& failures);
  void RemoveSet(const HeldSet& set, Failures& failures);
  // Remembers what stays only until nobody needs it; looks whether the meaning of all is known.
  void Settle(const DesiredState& desired);

  void TakeGroup(const std::string& name, const policy::AddressGroup& group);
  bool DropGroups(const DesiredState& desired);
  void PublishClasses(bool complete, Failures& failures);
  void PublishChangedClasses(Failures& failures);
  // Prefixes whose class cannot be published go into `blocked`.
  ClassTarget Number(const Classification& classification, bool complete, Prefixes& blocked,
                     Failures& failures);
  std::optional<uint32_t> NumberOf(const ClassKey& key, Failures& failures);
  absl::Status AddToAllSets(uint32_t id, const ClassKey& key);
  // Changes that overlap a blocked prefix, or one that could not be written, wait for the next Apply:
  // done alone they would give addresses a class that is neither their old nor their new one.
  void WriteChanges(const std::vector<ClassChange>& changes, Prefixes blocked, Failures& failures);
  void BumpEpochs(const std::set<std::pair<uint32_t, uint32_t>>& transitions, Failures& failures);
  std::set<std::string> GroupsOfOldSets(const DesiredState& desired) const;

  SetTable sets_;
  ClassNumbers numbers_;
  ClassMap classes_;
  policy::ClassIndex index_;   // groups as last published, or tried to
  bool classes_dirty_ = true;  // index_ and the maps may differ
  bool failed_ = false;        // something, in the last Publish or Retire
  bool settled_ = false;       // the maps hold exactly the last desired state, and what is leaving
  std::set<std::string> leaving_sets_, leaving_groups_;  // not desired any more, not yet removed
  bool bridging_ = false;                                // classes with an alias are in the maps
  bool classes_changed_ = false;                         // since Reclaim
  std::set<uint32_t> pending_bumps_;
  absl::flat_hash_set<uint32_t> published_;  // classes that every generation in force knows
};

}  // namespace fairlead::datapath
