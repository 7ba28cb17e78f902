// Small files of a lab's folder: read whole, written so that a reader sees the old text or the new.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace fairlead::lab {

absl::StatusOr<std::string> ReadFile(const std::string& path);
// Writes a temporary file `scratch_dir`/... and renames it; both must be on one file system.
absl::Status WriteFileAtomically(const std::string& path, const std::string& text,
                                 const std::string& scratch_dir);
// Keeps the file's inode, for those who have it mounted elsewhere.
absl::Status OverwriteFile(const std::string& path, const std::string& text);

}  // namespace fairlead::lab
