// Early return on a failed absl::Status or absl::StatusOr.
//
//   RETURN_IF_ERROR(link.Attach(device));
//   ASSIGN_OR_RETURN(UniqueFd fd, OpenNetns(path));
//
// WrapError puts the failing operation in front of a status that comes from below:
//   return WrapError(status, "create pod link for shop/cart-0");
#pragma once

#include <cerrno>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace fairlead {

// `status` with "context: " put in front of its message; an OK status stays as it is.
absl::Status WrapError(const absl::Status& status, absl::string_view context);

// The status of a failed system call: "context: strerror(error)", with the
// absl code that fits `error`. Take `errno` at the call: ErrnoError(errno, ...).
absl::Status ErrnoError(int error, absl::string_view context);

}  // namespace fairlead

#define FAIRLEAD_CONCAT_INNER(a, b) a##b
#define FAIRLEAD_CONCAT(a, b) FAIRLEAD_CONCAT_INNER(a, b)

#define RETURN_IF_ERROR(expression)                                           \
  do {                                                                        \
    if (absl::Status fairlead_status = (expression); !fairlead_status.ok()) { \
      return fairlead_status;                                                 \
    }                                                                         \
  } while (false)

#define ASSIGN_OR_RETURN(target, expression) \
  ASSIGN_OR_RETURN_INNER(FAIRLEAD_CONCAT(fairlead_result_, __LINE__), target, expression)
#define ASSIGN_OR_RETURN_INNER(result, target, expression)                                          \
  auto result = (expression);               /* NOLINT(bugprone-macro-parentheses): a declaration */ \
  if (!result.ok()) return result.status(); /* NOLINT(bugprone-macro-parentheses) */                \
  target = std::move(result).value()        /* NOLINT(bugprone-macro-parentheses) */
