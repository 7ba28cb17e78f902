#include "base/status_macros.h"

#include <cstring>

#include "absl/strings/str_cat.h"

namespace fairlead {

absl::Status WrapError(const absl::Status& status, absl::string_view context) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(context, ": ", status.message()));
}

absl::Status ErrnoError(int error, absl::string_view context) {
  return absl::Status(absl::ErrnoToStatusCode(error), absl::StrCat(context, ": ", strerror(error)));
}

}  // namespace fairlead
