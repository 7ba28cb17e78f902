// A small file as a string: credentials, records, what somebody else may have written.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace fairlead {

// The whole file; an error names it. RESOURCE_EXHAUSTED when it is larger than `max_bytes`.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes = 1 << 20);

}  // namespace fairlead
