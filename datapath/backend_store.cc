#include "datapath/backend_store.h"

#include <arpa/inet.h>

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "datapath/abi_convert.h"

namespace fairlead::datapath {

BackendStore::BackendStore(KernelMaps& kernel, WriteStats& stats)
    : backends_(kernel, stats),
      ids_(kernel, stats),
      indexes_(1, std::max(kernel.Capacity(MapId::kBackend), 2u) - 1),
      spans_(0, kernel.Capacity(MapId::kBackendId)) {}

absl::Status BackendStore::Load() {
  RETURN_IF_ERROR(backends_.Load());
  RETURN_IF_ERROR(ids_.Load());
  for (const auto& [index, backend] : backends_.held()) {
    // An entry without an address is free and keeps its generation only.
    if (IsUnspecified(backend.address)) continue;
    indexes_.Adopt(index);
    orphans_.emplace(At(index), index);
  }
  return absl::OkStatus();
}

BackendAddress BackendStore::At(uint32_t index) const {
  const fl_backend backend = backends_.Get(index);
  return {FromAbi(backend.address), ntohs(backend.port)};
}

std::vector<BackendAddress> BackendStore::InRange(uint32_t first, uint32_t count) const {
  std::vector<BackendAddress> backends;
  for (const uint32_t index : IdsAt(first, count)) backends.push_back(At(index));
  return backends;
}

BackendIds BackendStore::IdsAt(uint32_t first, uint32_t count) const {
  BackendIds ids;
  for (uint32_t i = 0; i < count; ++i) ids.push_back(ids_.Get(first + i));
  return ids;
}

void BackendStore::AdoptRange(uint32_t first, uint32_t count, uint32_t service) {
  if (count == 0) return;
  const BackendIds ids = IdsAt(first, count);
  auto [range, added] = ranges_.try_emplace(ids, Range{first, 0});
  if (!added && range->second.first != first) return;
  // What overlaps cannot be told apart; it goes when its front end is written anew.
  if (added && !spans_.Adopt(first, count)) {
    ranges_.erase(range);
    return;
  }
  ++range->second.references;
  for (const uint32_t index : ids) {
    const BackendAddress address = At(index);
    auto [orphan, end] = orphans_.equal_range(address);
    orphan = std::find_if(orphan, end, [&](const auto& entry) { return entry.second == index; });
    if (orphan == end) continue;
    orphans_.erase(orphan);
    by_service_[service][address] = index;
  }
}

absl::StatusOr<uint32_t> BackendStore::Put(uint32_t service, const BackendAddress& backend) {
  auto& held = by_service_[service];
  if (auto found = held.find(backend); found != held.end()) return found->second;
  // A terminating backend of a predecessor stands in no range any more.
  if (auto orphan = orphans_.find(backend); orphan != orphans_.end()) {
    const uint32_t index = orphan->second;
    orphans_.erase(orphan);
    held[backend] = index;
    return index;
  }
  const std::optional<uint32_t> index = indexes_.Take();
  if (!index) return FullError(MapId::kBackend, indexes_.used(), indexes_.capacity());
  const fl_backend entry{.address = ToAbi(backend.address),
                         .port = htons(backend.port),
                         .generation = backends_.Get(*index).generation};
  if (absl::Status written = backends_.Set(*index, entry); !written.ok()) {
    indexes_.Retire(*index);
    return written;
  }
  held[backend] = *index;
  return *index;
}

absl::Status BackendStore::Remove(uint32_t index) {
  // Without an address, so that a successor sees that it is free.
  RETURN_IF_ERROR(backends_.Set(index, {.generation = backends_.Get(index).generation + 1}));
  ++removals_;
  indexes_.Retire(index);
  return absl::OkStatus();
}

absl::Status BackendStore::Keep(uint32_t service, const std::vector<BackendAddress>& kept) {
  auto held = by_service_.find(service);
  if (held == by_service_.end()) return absl::OkStatus();
  for (auto backend = held->second.begin(); backend != held->second.end();) {
    if (std::binary_search(kept.begin(), kept.end(), backend->first)) {
      ++backend;
      continue;
    }
    RETURN_IF_ERROR(Remove(backend->second));
    backend = held->second.erase(backend);
  }
  if (held->second.empty()) by_service_.erase(held);
  return absl::OkStatus();
}

absl::Status BackendStore::RemoveOrphans() {
  while (!orphans_.empty()) {
    RETURN_IF_ERROR(Remove(orphans_.begin()->second));
    orphans_.erase(orphans_.begin());
  }
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> BackendStore::AcquireRange(const BackendIds& ids) {
  if (ids.empty()) return 0;
  if (auto held = ranges_.find(ids); held != ranges_.end()) {
    ++held->second.references;
    return held->second.first;
  }
  const auto count = static_cast<uint32_t>(ids.size());
  const std::optional<uint32_t> first = spans_.Take(count);
  if (!first) return FullError(MapId::kBackendId, spans_.used(), spans_.capacity());
  for (uint32_t i = 0; i < count; ++i) {
    if (absl::Status written = ids_.Set(*first + i, ids[i]); !written.ok()) {
      spans_.Return(*first, count);
      return written;
    }
  }
  ranges_[ids] = {*first, 1};
  return *first;
}

void BackendStore::ReleaseRange(uint32_t first, uint32_t count) {
  if (count == 0) return;
  auto held = ranges_.find(IdsAt(first, count));
  if (held == ranges_.end() || held->second.first != first || --held->second.references > 0) return;
  ranges_.erase(held);
  spans_.Retire(first, count);
}

void BackendStore::Reclaim() {
  indexes_.Reclaim();
  spans_.Reclaim();
}

absl::Status BackendStore::Verify() {
  RETURN_IF_ERROR(backends_.Verify());
  return ids_.Verify();
}

}  // namespace fairlead::datapath
