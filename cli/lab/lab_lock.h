// Makes `lab up` and `lab down` of one lab take turns: of two that find no lab, one makes it and the other
// then finds it made. Held while a lab's folder and mounts appear or go, not while its pods start.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace fairlead::lab {

class LabLock {
 public:
  // Waits for its turn. `path`: a file that exists while somebody has or wants the lock; its folder and the
  // one above are made.
  static absl::StatusOr<LabLock> Take(const std::string& path);

  LabLock(LabLock&&) = default;
  LabLock& operator=(LabLock&&) = delete;
  ~LabLock();  // the file goes, and the two folders above it when they are empty

 private:
  LabLock(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  std::string path_;
  UniqueFd fd_;
};

}  // namespace fairlead::lab
