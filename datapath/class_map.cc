#include "datapath/class_map.h"

#include <algorithm>
#include <tuple>

namespace fairlead::datapath {

absl::Status ClassMap::Load() {
  RETURN_IF_ERROR(by_address_.Load());
  RETURN_IF_ERROR(by_prefix_.Load());
  lengths_.clear();
  uses_.clear();
  ForEach([&](const fl_address_prefix& at, uint32_t id) {
    if (at.length != kHostLength) ++lengths_[at.length];
    Count(std::nullopt, id);
  });
  return absl::OkStatus();
}

std::optional<uint32_t> ClassMap::Entry(const fl_address_prefix& at) const {
  const uint32_t* id = at.length == kHostLength ? by_address_.Find(at.address) : by_prefix_.Find(at);
  if (id == nullptr) return std::nullopt;
  return *id;
}

uint32_t ClassMap::Effective(const fl_address_prefix& at) const {
  if (at.length == kHostLength) {
    if (const uint32_t* id = by_address_.Find(at.address)) return *id;
  }
  for (auto length = lengths_.rbegin(); length != lengths_.rend(); ++length) {
    if (length->first > at.length) continue;
    const uint32_t* id = by_prefix_.Find({length->first, Masked(at.address, length->first)});
    if (id != nullptr) return *id;
  }
  return 0;
}

std::vector<ClassChange> ClassMap::Difference(const ClassTarget& target, bool with_deletions) const {
  std::vector<ClassChange> changes;
  for (const auto& [at, id] : target) {
    if (Entry(at) != id) changes.push_back({at, id});
  }
  if (with_deletions) {
    ForEach([&](const fl_address_prefix& at, uint32_t) {
      if (!target.contains(at)) changes.push_back({at, std::nullopt});
    });
  }
  Order(changes);
  return changes;
}

void ClassMap::Order(std::vector<ClassChange>& changes) {
  // New and changed entries from long to short, so that a wide prefix never reaches addresses whose
  // own entry is still to come; then deletions from short to long, so that none falls back to an
  // entry that goes too.
  auto rank = [](const ClassChange& change) {
    const int length = static_cast<int>(change.at.length);
    return std::pair(change.to.has_value() ? 0 : 1, change.to.has_value() ? -length : length);
  };
  std::stable_sort(changes.begin(), changes.end(),
                   [&](const ClassChange& a, const ClassChange& b) { return rank(a) < rank(b); });
}

absl::Status ClassMap::Write(const ClassChange& change) {
  const std::optional<uint32_t> before = Entry(change.at);
  if (change.at.length == kHostLength) {
    RETURN_IF_ERROR(change.to ? by_address_.Set(change.at.address, *change.to)
                              : by_address_.Erase(change.at.address));
  } else {
    RETURN_IF_ERROR(change.to ? by_prefix_.Set(change.at, *change.to) : by_prefix_.Erase(change.at));
    if (!before && change.to) ++lengths_[change.at.length];
    if (before && !change.to && --lengths_[change.at.length] == 0) lengths_.erase(change.at.length);
  }
  Count(before, change.to);
  return absl::OkStatus();
}

void ClassMap::ForEach(const std::function<void(const fl_address_prefix&, uint32_t)>& visit) const {
  for (const auto& [address, id] : by_address_.held()) visit({kHostLength, address}, id);
  for (const auto& [prefix, id] : by_prefix_.held()) visit(prefix, id);
}

absl::Status ClassMap::Verify() {
  RETURN_IF_ERROR(by_prefix_.Verify());
  return by_address_.Verify();
}

void ClassMap::Count(std::optional<uint32_t> gone, std::optional<uint32_t> come) {
  if (come) ++uses_[*come];
  if (gone && --uses_[*gone] == 0) uses_.erase(*gone);
}

}  // namespace fairlead::datapath
