#include "datapath/policy_tables.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/first_few.h"

namespace fairlead::datapath {
namespace {

void FailGroups(Failures& failures, const ClassKey& key, const absl::Status& status) {
  for (const std::string& group : key.groups) Fail(failures, "AddressGroup", group, status);
  if (key.groups.empty()) Fail(failures, "AddressGroup", "(addresses of no group)", status);
}

bool Overlap(const fl_address_prefix& a, const fl_address_prefix& b) {
  const uint32_t length = std::min(a.length, b.length);
  return BytesOf(Masked(a.address, length)) == BytesOf(Masked(b.address, length));
}

std::set<std::string> GroupsIn(const Failures& failures) {
  std::set<std::string> groups;
  for (const ApplyReport::Failure& failure : failures) {
    if (failure.kind == "AddressGroup") groups.insert(failure.name);
  }
  return groups;
}

// A set whose peers are not all known yet would answer neither as before nor as it should.
absl::Status CheckGroups(const policy::PolicySet& set, const std::set<std::string>& unclassified) {
  for (const policy::Rule& rule : set.rules) {
    for (const std::string& peer : rule.peers) {
      if (unclassified.contains(peer)) {
        return absl::FailedPreconditionError(
            absl::StrCat("the addresses of ", peer, " are not all in the maps"));
      }
    }
  }
  return absl::OkStatus();
}

// The class of addresses of `at` that no longer prefix covers.
const policy::AddressClass& EffectiveClass(const ByteMap<fl_address_prefix, const policy::AddressClass*>& all,
                                           const fl_address_prefix& at) {
  static const policy::AddressClass kNone;
  for (int length = static_cast<int>(at.length); length >= 0; --length) {
    const auto bits = static_cast<uint32_t>(length);
    auto found = all.find({bits, Masked(at.address, bits)});
    if (found != all.end()) return *found->second;
  }
  return kNone;
}

}  // namespace

PolicyTables::PolicyTables(KernelMaps& kernel, WriteStats& stats, NameTable& names, uint32_t first_epoch)
    : sets_(kernel, stats, names, first_epoch), numbers_(names), classes_(kernel, stats) {}

absl::Status PolicyTables::Load() {
  RETURN_IF_ERROR(sets_.Load());
  RETURN_IF_ERROR(classes_.Load());
  classes_.ForEach([&](const fl_address_prefix&, uint32_t id) { numbers_.Adopt(id); });
  sets_.ForEach([&](HeldSet& set) {
    for (const auto& [id, row] : set.generation.class_rows) numbers_.Adopt(id);
  });
  classes_dirty_ = classes_changed_ = true;
  return absl::OkStatus();
}

void PolicyTables::Publish(const DesiredState& desired, const StateChanges& changes, Failures& failures) {
  Failures ours;
  const bool compare_all = changes.all || !settled_ || !desired.complete;
  if (compare_all) {
    PublishAll(desired, ours);
  } else {
    PublishChanged(desired, changes, ours);
  }
  failed_ = !ours.empty();
  settled_ = !compare_all && !failed_;
  Add(failures, ours);
}

void PolicyTables::PublishAll(const DesiredState& desired, Failures& failures) {
  for (const auto& [name, group] : desired.groups) TakeGroup(name, group);
  if (classes_dirty_) {
    // Learn which numbers are ours before sets are compared with what is in force.
    for (const auto& [prefix, groups] : index_.All()) numbers_.Find({groups, 0});
  }
  for (const auto& [name, set] : desired.sets) sets_.Meet(name, set, numbers_.known());
  if (classes_dirty_) PublishClasses(desired.complete, failures);
  BumpEpochs({}, failures);
  const std::set<std::string> unclassified = GroupsIn(failures);
  for (const auto& [name, set] : desired.sets) PutSet(name, set, unclassified, failures);
}

void PolicyTables::PublishChanged(const DesiredState& desired, const StateChanges& changes,
                                  Failures& failures) {
  for (const std::string& name : changes.groups) {
    auto group = desired.groups.find(name);
    if (group == desired.groups.end()) {
      leaving_groups_.insert(name);
    } else {
      leaving_groups_.erase(name);
      TakeGroup(name, group->second);
    }
  }
  if (classes_dirty_) PublishChangedClasses(failures);
  const std::set<std::string> unclassified = GroupsIn(failures);
  for (const std::string& name : changes.sets) {
    auto set = desired.sets.find(name);
    if (set == desired.sets.end()) {
      leaving_sets_.insert(name);
    } else {
      leaving_sets_.erase(name);
      PutSet(name, set->second, unclassified, failures);
    }
  }
}

void PolicyTables::PutSet(const std::string& name, const policy::PolicySet& set,
                          const std::set<std::string>& unclassified, Failures& failures) {
  absl::Status status = sets_.Find(name) == nullptr ? CheckGroups(set, unclassified) : absl::OkStatus();
  if (status.ok()) status = sets_.Put(name, set, numbers_.known());
  if (!status.ok()) {
    Fail(failures, "PolicySet", name,
         WrapError(status,
                   absl::StrCat("put policy set ", name, " of ", set.rules.size(), " rules in force")));
  }
}

void PolicyTables::Retire(const DesiredState& desired, const StateChanges& changes,
                          const std::function<std::set<uint32_t>()>& sets_in_use, Failures& failures) {
  if (!desired.complete) return;
  Failures ours;
  const bool compare_all = changes.all || !settled_;
  if (compare_all) {
    RetireAll(desired, sets_in_use(), ours);
  } else {
    RetireLeaving(sets_in_use, ours);
  }
  failed_ |= !ours.empty();
  Add(failures, ours);
  settled_ = !failed_ && !classes_dirty_ && !bridging_ && pending_bumps_.empty();
  if (compare_all && settled_) Settle(desired);
}

void PolicyTables::Settle(const DesiredState& desired) {
  leaving_sets_.clear();
  leaving_groups_.clear();
  for (const auto& [index, set] : sets_.held()) {
    settled_ &= !set.broken && !set.name.empty() && set.generation.rules != nullptr;
    if (!desired.sets.contains(set.name)) leaving_sets_.insert(set.name);
  }
  for (const std::string& name : index_.Names()) {
    if (!desired.groups.contains(name)) leaving_groups_.insert(name);
  }
}

void PolicyTables::RetireAll(const DesiredState& desired, const std::set<uint32_t>& in_use,
                             Failures& failures) {
  std::vector<uint32_t> unused;
  sets_.ForEach([&](const HeldSet& set) {
    if (!in_use.contains(set.index) && !desired.sets.contains(set.name)) unused.push_back(set.index);
  });
  for (const uint32_t index : unused) RemoveSet(*sets_.At(index), failures);
  const bool dropped = DropGroups(desired);
  const bool bridge_ends = bridging_ && !sets_.HasUnknown();
  if (dropped || bridge_ends) PublishClasses(true, failures);
}

void PolicyTables::RetireLeaving(const std::function<std::set<uint32_t>()>& sets_in_use, Failures& failures) {
  std::set<std::string> mentioned;  // groups, by sets that pods have not left yet
  if (!leaving_sets_.empty()) {
    const std::set<uint32_t> in_use = sets_in_use();
    std::erase_if(leaving_sets_, [&](const std::string& name) {
      const HeldSet* set = sets_.Find(name);
      if (set != nullptr && !in_use.contains(set->index)) {
        RemoveSet(*set, failures);
        set = sets_.Find(name);
      }
      if (set == nullptr) return true;
      for (const policy::Rule& rule : set->generation.rules->rules) {
        mentioned.insert(rule.peers.begin(), rule.peers.end());
      }
      return false;
    });
  }
  std::erase_if(leaving_groups_, [&](const std::string& name) {
    if (mentioned.contains(name)) return false;
    index_.Erase(name);
    classes_dirty_ |= index_.HasChanges();
    return true;
  });
  if (classes_dirty_) PublishChangedClasses(failures);
}

void PolicyTables::RemoveSet(const HeldSet& set, Failures& failures) {
  const std::string name = set.name;
  if (absl::Status removed = sets_.Remove(set.index); !removed.ok()) {
    Fail(failures, "PolicySet", name, WrapError(removed, "remove policy set"));
  }
}

void PolicyTables::TakeGroup(const std::string& name, const policy::AddressGroup& group) {
  const policy::AddressGroup* held = index_.Find(name);
  if (held != nullptr && *held == group) return;
  index_.Put(name, group);
  classes_dirty_ |= index_.HasChanges();
}

bool PolicyTables::DropGroups(const DesiredState& desired) {
  const std::set<std::string> mentioned = GroupsOfOldSets(desired);
  bool dropped = false;
  for (const std::string& name : index_.Names()) {
    if (desired.groups.contains(name) || mentioned.contains(name)) continue;
    index_.Erase(name);
    dropped = true;
  }
  return dropped;
}

std::set<std::string> PolicyTables::GroupsOfOldSets(const DesiredState& desired) const {
  std::set<std::string> mentioned;
  for (const auto& [index, set] : sets_.held()) {
    if (set.generation.rules == nullptr) continue;
    auto wanted = desired.sets.find(set.name);
    if (wanted != desired.sets.end() && wanted->second == *set.generation.rules) continue;
    for (const policy::Rule& rule : set.generation.rules->rules) {
      mentioned.insert(rule.peers.begin(), rule.peers.end());
    }
  }
  return mentioned;
}

void PolicyTables::PublishClasses(bool complete, Failures& failures) {
  Failures ours;
  bridging_ = sets_.HasUnknown();
  index_.ForgetChanges();
  Prefixes blocked;
  const ClassTarget target = Number(index_.All(), complete, blocked, ours);
  // While bridging, what goes was given a class with an alias instead; it goes when the bridge ends.
  WriteChanges(classes_.Difference(target, complete && !bridging_), blocked, ours);
  classes_dirty_ = !ours.empty();
  Add(failures, ours);
  classes_changed_ = true;
}

void PolicyTables::PublishChangedClasses(Failures& failures) {
  Failures ours;
  Prefixes blocked;
  std::vector<ClassChange> changes;
  for (const auto& [prefix, groups] : index_.TakeChanges()) {
    const fl_address_prefix at = ToAbi(prefix);
    const std::optional<uint32_t> held = classes_.Entry(at);
    std::optional<uint32_t> wanted;
    if (groups) {
      wanted = NumberOf({*groups, 0}, ours);
      if (!wanted) {
        blocked.push_back(at);
        continue;
      }
    }
    if (held != wanted) changes.push_back({at, wanted});
  }
  ClassMap::Order(changes);
  WriteChanges(changes, std::move(blocked), ours);
  classes_dirty_ = !ours.empty();
  Add(failures, ours);
  classes_changed_ = true;
}

ClassTarget PolicyTables::Number(const Classification& classification, bool complete, Prefixes& blocked,
                                 Failures& failures) {
  ClassTarget target;
  ByteMap<fl_address_prefix, const policy::AddressClass*> wanted;
  for (const auto& [prefix, groups] : classification) {
    const fl_address_prefix at = ToAbi(prefix);
    wanted[at] = &groups;
    const uint32_t current = classes_.Effective(at);
    ClassKey key{groups, 0};
    if (bridging_ && numbers_.Find(key) != current) key.alias = current;
    // Before everything is known, nobody leaves a class whose meaning is not known.
    if (!complete && key.alias != 0 && numbers_.unknown().contains(current)) continue;
    if (const std::optional<uint32_t> id = NumberOf(key, failures)) {
      target[at] = *id;
      continue;
    }
    blocked.push_back(at);
    if (const std::optional<uint32_t> held = classes_.Entry(at)) target[at] = *held;
  }
  if (!bridging_ || !complete) return target;
  classes_.ForEach([&](const fl_address_prefix& at, uint32_t current) {
    if (target.contains(at)) return;
    const ClassKey key{EffectiveClass(wanted, at), current};
    const std::optional<uint32_t> id = NumberOf(key, failures);
    target[at] = id.value_or(current);
    if (!id) blocked.push_back(at);
  });
  return target;
}

std::optional<uint32_t> PolicyTables::NumberOf(const ClassKey& key, Failures& failures) {
  absl::StatusOr<uint32_t> id = numbers_.Take(key);
  absl::Status status = id.status();
  if (status.ok()) status = AddToAllSets(*id, key);
  if (status.ok()) return *id;
  FailGroups(
      failures, key,
      WrapError(status, absl::StrCat("publish the class of addresses in {", FirstFew(key.groups), "}")));
  return std::nullopt;
}

absl::Status PolicyTables::AddToAllSets(uint32_t id, const ClassKey& key) {
  if (id == 0 || published_.contains(id)) return absl::OkStatus();
  absl::Status status;
  sets_.ForEach([&](HeldSet& set) {
    if (set.broken || !status.ok()) return;
    status = sets_.generations().AddClass(set.generation, id, key);
  });
  // A generation that is built later is built with every class that is known.
  if (status.ok()) published_.insert(id);
  return status;
}

void PolicyTables::WriteChanges(const std::vector<ClassChange>& changes, Prefixes blocked,
                                Failures& failures) {
  std::set<std::pair<uint32_t, uint32_t>> transitions;
  for (const ClassChange& change : changes) {
    const uint32_t before = classes_.Effective(change.at);
    const auto other = std::find_if(blocked.begin(), blocked.end(), [&](const fl_address_prefix& prefix) {
      return Overlap(prefix, change.at);
    });
    const absl::Status written =
        other == blocked.end()
            ? classes_.Write(change)
            : absl::FailedPreconditionError(absl::StrCat("waits for ", FromAbi(other->address).ToString()));
    if (!written.ok()) {
      const absl::Status status =
          WrapError(written, absl::StrCat("classify ", FromAbi(change.at.address).ToString()));
      for (const uint32_t id : {before, change.to.value_or(before)}) {
        const ClassKey* key = ClassAt(id);
        FailGroups(failures, key != nullptr ? *key : ClassKey{}, status);
      }
      blocked.push_back(change.at);
      continue;
    }
    const uint32_t after = classes_.Effective(change.at);
    if (before != after) transitions.emplace(before, after);
  }
  BumpEpochs(transitions, failures);
}

void PolicyTables::BumpEpochs(const std::set<std::pair<uint32_t, uint32_t>>& transitions,
                              Failures& failures) {
  sets_.ForEach([&](const HeldSet& set) {
    for (const auto& [before, after] : transitions) {
      if (set.broken || set.generation.RowOf(before) != set.generation.RowOf(after)) {
        pending_bumps_.insert(set.index);
        break;
      }
    }
  });
  for (auto index = pending_bumps_.begin(); index != pending_bumps_.end();) {
    absl::Status bumped = sets_.At(*index) == nullptr ? absl::OkStatus() : sets_.BumpEpoch(*index);
    if (bumped.ok()) {
      index = pending_bumps_.erase(index);
      continue;
    }
    Fail(failures, "PolicySet", sets_.At(*index)->name, WrapError(bumped, "have connections decided again"));
    ++index;
  }
}

absl::Status PolicyTables::Reclaim() {
  std::vector<uint32_t> unused;
  for (const auto& [id, key] : numbers_.known()) {
    if (!classes_.InUse(id)) unused.push_back(id);
  }
  for (const uint32_t id : numbers_.unknown()) {
    if (!classes_.InUse(id)) unused.push_back(id);
  }
  for (const uint32_t id : unused) {
    published_.erase(id);
    absl::Status status;
    sets_.ForEach([&](HeldSet& set) {
      if (status.ok() && !set.broken) status = sets_.generations().RemoveClass(set.generation, id);
    });
    RETURN_IF_ERROR(status);
    RETURN_IF_ERROR(numbers_.Free(id));
  }
  RETURN_IF_ERROR(numbers_.ForgetUnusedNames());
  RETURN_IF_ERROR(sets_.Reclaim());
  classes_changed_ = false;
  return absl::OkStatus();
}

absl::Status PolicyTables::Verify() {
  RETURN_IF_ERROR(sets_.Verify());
  return classes_.Verify();
}

std::string PolicyTables::GroupWords(const std::string& name) const {
  const policy::AddressGroup* group = index_.Find(name);
  return group == nullptr || group->description.empty() ? name : group->description;
}

const ClassKey* PolicyTables::ClassAt(uint32_t number) const {
  auto known = numbers_.known().find(number);
  return known == numbers_.known().end() ? nullptr : &known->second;
}

}  // namespace fairlead::datapath
