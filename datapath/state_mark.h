// One line in a pinned map: what the owner of the maps has last put into them, in its own words. It lies
// there because it must live exactly as long as the maps: not through a restart of the node, and not less
// than a disk that was full, or wiped, while an agent ran.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace fairlead::datapath {

class StateMark {
 public:
  // Opens or makes the map pinned at `path`.
  static absl::StatusOr<StateMark> Open(const std::string& path);

  // "" when nothing was written yet.
  std::string Read() const;
  // INVALID_ARGUMENT beyond kMaxMarkSize (datapath.h) bytes.
  absl::Status Write(const std::string& mark);

 private:
  explicit StateMark(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace fairlead::datapath
