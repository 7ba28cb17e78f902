// Lease records in two places, so that no pod is lost with one damaged, or wiped, file: the first decides,
// the copy is read only where the first has nothing to read.
#pragma once

#include "agent/pods/lease_store.h"

namespace fairlead::agent {

class MirroredLeaseStore : public LeaseStore {
 public:
  // Both must outlive it.
  MirroredLeaseStore(LeaseStore* first, LeaseStore* copy) : first_(first), copy_(copy) {}

  // `damaged` are those that neither has. Both hold the same afterwards, as far as they can be written.
  absl::StatusOr<Loaded> Load() override;
  // An error of the copy is none: it is written again at the next Load.
  absl::Status Put(const Lease& lease) override;
  // First what would bring the record back.
  absl::Status Remove(uint32_t generation) override;

 private:
  LeaseStore* first_;
  LeaseStore* copy_;
};

}  // namespace fairlead::agent
