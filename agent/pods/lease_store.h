// Where lease records are kept: the seam between the life cycle and the disk.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/pods/lease.h"

namespace fairlead::agent {

class LeaseStore {
 public:
  struct Damaged {
    uint32_t generation = 0;  // 0: not even that is known
    std::string reason;       // with the file's new name
  };
  struct Loaded {
    std::vector<Lease> leases;
    std::vector<Damaged> damaged;  // files that could not be read and were set aside
  };

  virtual ~LeaseStore() = default;
  virtual absl::StatusOr<Loaded> Load() = 0;
  // Replaces the record of that generation whole, or leaves it as it was.
  virtual absl::Status Put(const Lease& lease) = 0;
  virtual absl::Status Remove(uint32_t generation) = 0;
};

// A folder with one file a record, each replaced by rename. Not synced to the medium: a record only
// matters while its link lives, and no link outlives the page cache.
class FolderLeaseStore : public LeaseStore {
 public:
  // Makes the folder when it is absent.
  static absl::StatusOr<FolderLeaseStore> Open(const std::string& folder);

  absl::StatusOr<Loaded> Load() override;
  absl::Status Put(const Lease& lease) override;
  absl::Status Remove(uint32_t generation) override;

 private:
  explicit FolderLeaseStore(std::string folder) : folder_(std::move(folder)) {}
  std::string PathOf(uint32_t generation) const;

  std::string folder_;
};

}  // namespace fairlead::agent
