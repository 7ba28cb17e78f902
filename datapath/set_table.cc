#include "datapath/set_table.h"

#include "absl/strings/str_cat.h"

namespace fairlead::datapath {
namespace {

SharedRules Share(const policy::PolicySet& rules) {
  return std::make_shared<const policy::PolicySet>(rules);
}

constexpr size_t kHistory = 1024;

NameKey NameOf(const std::string& set) {
  return MakeName(kSetName, {set});
}

}  // namespace

SetTable::SetTable(KernelMaps& kernel, WriteStats& stats, NameTable& names, uint32_t first_epoch)
    : names_(names),
      generations_(kernel, stats),
      entries_(kernel, stats),
      indexes_(1, kernel.Capacity(MapId::kPolicySet) - 1),
      first_epoch_(first_epoch) {}

absl::Status SetTable::Load() {
  RETURN_IF_ERROR(generations_.Load());
  RETURN_IF_ERROR(entries_.Load());
  for (const auto& [index, entry] : entries_.held()) {
    // Index FL_SET_OPEN, and numbers that are free, keep their epoch only.
    if (entry.generation == 0) continue;
    indexes_.Adopt(index);
    HeldSet& set = held_[index];
    set.index = index;
    auto generation = generations_.Adopt(entry.generation);
    if (generation.ok()) {
      set.generation = *std::move(generation);
    } else {
      set.broken = true;
      set.generation.index = entry.generation;
    }
  }
  for (const auto& [name, index] : names_.held()) {
    if (name.kind == kSetName && indexes_.Adopt(index)) reserved_.insert(index);
  }
  return absl::OkStatus();
}

std::optional<uint32_t> SetTable::TakeIndex(const std::string& name) {
  const uint32_t* before = names_.Find(NameOf(name));
  if (before != nullptr && reserved_.erase(*before) != 0) return *before;
  return indexes_.Take();
}

uint32_t SetTable::NextEpoch(uint32_t index) const {
  const uint32_t epoch = EpochOf(index);
  return (epoch == 0 ? first_epoch_ : epoch) + 1;
}

HeldSet* SetTable::Named(const std::string& name) {
  auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &held_.at(found->second);
}

const HeldSet* SetTable::Find(const std::string& name) const {
  auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &held_.at(found->second);
}

const HeldSet* SetTable::At(uint32_t index) const {
  auto found = held_.find(index);
  return found == held_.end() ? nullptr : &found->second;
}

void SetTable::ForEach(const std::function<void(HeldSet&)>& visit) {
  for (auto& [index, set] : held_) visit(set);
}

bool SetTable::HasUnknown() const {
  for (const auto& [index, set] : held_) {
    if (set.generation.rules == nullptr) return true;
  }
  return false;
}

const policy::PolicySet* SetTable::Said(uint32_t generation_number) const {
  for (const auto& [index, set] : held_) {
    if (set.generation.value.number == generation_number) return set.generation.rules.get();
  }
  for (const auto& [number, rules] : history_) {
    if (number == generation_number) return rules.get();
  }
  return nullptr;
}

void SetTable::Retire(Generation generation) {
  if (generation.rules != nullptr) history_.emplace_back(generation.value.number, generation.rules);
  if (history_.size() > kHistory) history_.pop_front();
  generations_.Retire(std::move(generation));
}

void SetTable::Meet(const std::string& name, const policy::PolicySet& rules, const ClassesById& classes) {
  if (by_name_.contains(name)) return;
  const uint32_t* index = names_.Find(NameOf(name));
  if (index == nullptr) return;
  auto held = held_.find(*index);
  if (held == held_.end() || !held->second.name.empty() || held->second.broken) return;
  // Only the same content: what pods point to must not turn into something else under their feet.
  if (!generations_.Recognise(held->second.generation, Share(rules), classes)) return;
  held->second.name = name;
  by_name_[name] = *index;
}

absl::Status SetTable::Put(const std::string& name, const policy::PolicySet& rules,
                           const ClassesById& classes) {
  if (HeldSet* set = Named(name)) {
    if (set->generation.rules != nullptr && *set->generation.rules == rules) return absl::OkStatus();
    ASSIGN_OR_RETURN(Generation generation, generations_.Build(Share(rules), classes));
    return PutInForce(*set, std::move(generation));
  }
  const std::optional<uint32_t> index = TakeIndex(name);
  if (!index) return FullError(MapId::kPolicySet, indexes_.used(), indexes_.capacity());
  HeldSet set{.index = *index, .name = name};
  absl::Status status = names_.Set(NameOf(name), *index);
  if (status.ok()) {
    auto generation = generations_.Build(Share(rules), classes);
    status = generation.ok() ? PutInForce(set, *std::move(generation)) : generation.status();
  }
  if (!status.ok()) {
    indexes_.Retire(*index);
    return status;
  }
  held_[*index] = std::move(set);
  by_name_[name] = *index;
  return absl::OkStatus();
}

absl::Status SetTable::PutInForce(HeldSet& set, Generation generation) {
  const fl_policy_set entry{.generation = generation.index, .epoch = NextEpoch(set.index)};
  if (absl::Status written = entries_.Set(set.index, entry); !written.ok()) {
    generations_.Retire(std::move(generation));
    return written;
  }
  if (set.generation.index != 0 && !set.broken) Retire(std::move(set.generation));
  set.generation = std::move(generation);
  set.broken = false;
  return absl::OkStatus();
}

absl::Status SetTable::Remove(uint32_t index) {
  auto held = held_.find(index);
  if (held == held_.end()) return absl::OkStatus();
  // The epoch goes on counting: whoever gets this number next must not match old connections.
  RETURN_IF_ERROR(entries_.Set(index, {.generation = 0, .epoch = NextEpoch(index)}));
  HeldSet& set = held->second;
  if (!set.name.empty()) {
    by_name_.erase(set.name);
    // Left over on failure it does no harm: a name is believed only with the content it stands for.
    names_.Erase(NameOf(set.name)).IgnoreError();
  }
  if (!set.broken) Retire(std::move(set.generation));
  indexes_.Retire(index);
  held_.erase(held);
  return absl::OkStatus();
}

absl::Status SetTable::BumpEpoch(uint32_t index) {
  fl_policy_set entry = entries_.Get(index);
  ++entry.epoch;
  return entries_.Set(index, entry);
}

absl::Status SetTable::Reclaim() {
  RETURN_IF_ERROR(generations_.Reclaim());
  indexes_.Reclaim();
  return ForgetUnusedNames();
}

absl::Status SetTable::ForgetUnusedNames() {
  std::vector<NameKey> unused;
  for (const auto& [name, index] : names_.held()) {
    if (name.kind != kSetName) continue;
    const HeldSet* set = At(index);
    if (set == nullptr || BytesOf(NameOf(set->name)) != BytesOf(name)) unused.push_back(name);
  }
  for (const NameKey& name : unused) {
    const uint32_t index = names_.Get(name);
    RETURN_IF_ERROR(names_.Erase(name));
    if (reserved_.erase(index) != 0) indexes_.Retire(index);
  }
  return absl::OkStatus();
}

absl::Status SetTable::Verify() {
  RETURN_IF_ERROR(generations_.Verify());
  return entries_.Verify();
}

}  // namespace fairlead::datapath
