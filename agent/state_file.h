// The last good state on disk: a header with format version, length and checksum, then the content.
// A file is either whole or recognisably not; knows nothing of what is inside.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace fairlead::agent {

// Survives a crash and a full disk: then the old one stays. The folder must exist.
absl::Status WriteStateFile(const std::string& path, const std::string& content);

// NOT_FOUND: there is none. DATA_LOSS: it is damaged or of another version.
absl::StatusOr<std::string> ReadStateFile(const std::string& path);

}  // namespace fairlead::agent
