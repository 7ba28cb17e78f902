#include "agent/pods/mirrored_store.h"

#include <map>
#include <utility>

#include "base/status_macros.h"
#include "spdlog/spdlog.h"

namespace fairlead::agent {

absl::StatusOr<LeaseStore::Loaded> MirroredLeaseStore::Load() {
  ASSIGN_OR_RETURN(Loaded loaded, first_->Load());
  std::map<uint32_t, Lease> copies;
  if (absl::StatusOr<Loaded> copy = copy_->Load(); copy.ok()) {
    for (Lease& lease : copy->leases) copies.emplace(lease.generation, std::move(lease));
  } else {
    spdlog::warn("read the copies of the pod records: {}", std::string(copy.status().message()));
  }
  for (const Lease& lease : loaded.leases) {
    auto copy = copies.find(lease.generation);
    if (copy == copies.end() || copy->second != lease) copy_->Put(lease).IgnoreError();
    if (copy != copies.end()) copies.erase(copy);
  }
  std::erase_if(loaded.damaged, [&](const Damaged& damaged) {
    const bool recovered = copies.contains(damaged.generation);
    if (recovered) spdlog::warn("pod record taken from its copy: {}", damaged.reason);
    return recovered;
  });
  for (auto& [generation, lease] : copies) {
    if (absl::Status status = first_->Put(lease); !status.ok()) {
      spdlog::warn("pod record of {}: {}", lease.pod(), std::string(status.message()));
    }
    loaded.leases.push_back(std::move(lease));
  }
  return loaded;
}

absl::Status MirroredLeaseStore::Put(const Lease& lease) {
  RETURN_IF_ERROR(first_->Put(lease));
  if (absl::Status status = copy_->Put(lease); !status.ok()) {
    spdlog::warn("copy the pod record of {}: {}", lease.pod(), std::string(status.message()));
  }
  return absl::OkStatus();
}

absl::Status MirroredLeaseStore::Remove(uint32_t generation) {
  RETURN_IF_ERROR(copy_->Remove(generation));
  return first_->Remove(generation);
}

}  // namespace fairlead::agent
