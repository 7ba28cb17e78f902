// What a user can do about an error, carried beside its message: the CNI specification's "details".
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"

namespace fairlead::agent {

inline constexpr char kDetailsPayload[] = "fairlead/details";

inline absl::Status WithDetails(absl::Status status, absl::string_view details) {
  if (!status.ok()) status.SetPayload(kDetailsPayload, absl::Cord(details));
  return status;
}

inline std::string DetailsOf(const absl::Status& status) {
  auto payload = status.GetPayload(kDetailsPayload);
  return payload ? std::string(*payload) : "";
}

}  // namespace fairlead::agent
