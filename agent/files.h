// Small files that are replaced whole: a reader sees the old content or the new, never a mixture.
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace fairlead::agent {

enum class Durability {
  kProcess,  // survives this process
  kMedium    // survives the machine: fsync of the file and its folder
};

// Writes PATH.tmp and renames it.
absl::Status ReplaceFile(const std::string& path, absl::string_view content, Durability durability,
                         mode_t mode = 0600);
// Likewise, in a folder of the agent's own, which is made anew when somebody has removed it.
absl::Status ReplaceOwnFile(const std::string& path, absl::string_view content, Durability durability);
// With all its parents, mode 0700.
absl::Status MakeFolder(const std::string& path);
// Renames `path` to `path.damaged-1`, -2, ... and returns the new name.
absl::StatusOr<std::string> SetAside(const std::string& path);

}  // namespace fairlead::agent
