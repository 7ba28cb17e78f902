// The version that the API server gives an object or a list: a number that grows.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace fairlead::controller {

inline absl::StatusOr<uint64_t> ReadResourceVersion(const std::string& text) {
  uint64_t version = 0;
  if (absl::SimpleAtoi(text, &version) && version > 0) return version;
  return absl::InvalidArgumentError(
      absl::StrCat("metadata.resourceVersion: must be a number above 0, is \"", text, "\""));
}

}  // namespace fairlead::controller
