#include "datapath/class_numbers.h"

namespace fairlead::datapath {
namespace {

// As many as a node can have; a number is an index of nothing.
constexpr uint32_t kLastClass = 0x7fffffff;

bool HasName(const ClassKey& key) {
  return key.alias == 0;
}

}  // namespace

ClassNumbers::ClassNumbers(NameTable& names) : names_(names), ids_(1, kLastClass) {}

void ClassNumbers::Adopt(uint32_t id) {
  if (ids_.Adopt(id)) unknown_.insert(id);
}

std::optional<uint32_t> ClassNumbers::Find(const ClassKey& key) {
  if (key.groups.empty() && HasName(key)) return 0;
  if (auto held = by_key_.find(key); held != by_key_.end()) return held->second;
  if (!HasName(key)) return std::nullopt;
  const uint32_t* named = names_.Find(MakeName(kClassName, key.groups));
  // A number that already stands for something else is not believed.
  if (named == nullptr || *named == 0 || known_.contains(*named)) return std::nullopt;
  ids_.Adopt(*named);
  unknown_.erase(*named);
  known_[*named] = key;
  by_key_[key] = *named;
  return *named;
}

absl::StatusOr<uint32_t> ClassNumbers::Take(const ClassKey& key) {
  if (const std::optional<uint32_t> found = Find(key)) return *found;
  const std::optional<uint32_t> id = ids_.Take();
  if (!id) return absl::ResourceExhaustedError("no class number is free");
  if (HasName(key)) {
    if (absl::Status named = names_.Set(MakeName(kClassName, key.groups), *id); !named.ok()) {
      ids_.Retire(*id);
      return named;
    }
  }
  known_[*id] = key;
  by_key_[key] = *id;
  return *id;
}

absl::Status ClassNumbers::Free(uint32_t id) {
  if (auto known = known_.find(id); known != known_.end()) {
    if (HasName(known->second)) {
      const NameKey name = MakeName(kClassName, known->second.groups);
      if (const uint32_t* named = names_.Find(name); named != nullptr && *named == id) {
        RETURN_IF_ERROR(names_.Erase(name));
      }
    }
    by_key_.erase(known->second);
    known_.erase(known);
  }
  unknown_.erase(id);
  ids_.Retire(id);
  ids_.Reclaim();
  return absl::OkStatus();
}

absl::Status ClassNumbers::ForgetUnusedNames() {
  std::vector<NameKey> unused;
  for (const auto& [name, id] : names_.held()) {
    if (name.kind != kClassName) continue;
    auto known = known_.find(id);
    if (known == known_.end() || !HasName(known->second) ||
        BytesOf(MakeName(kClassName, known->second.groups)) != BytesOf(name)) {
      unused.push_back(name);
    }
  }
  for (const NameKey& name : unused) RETURN_IF_ERROR(names_.Erase(name));
  return absl::OkStatus();
}

}  // namespace fairlead::datapath
