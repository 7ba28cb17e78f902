// The errors of the CNI specification, carried inside absl::Status: a code, a message, and what a
// user can do about it (details).
//
//   return CniError(ErrorCode::kInvalidConfig, "agentSocket: must be an absolute path");
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace fairlead::cni {

// CNI specification 1.1.0, "Error"; from 100 on they are ours.
enum class ErrorCode : int {
  kIncompatibleVersion = 1,
  kUnsupportedField = 2,
  kUnknownContainer = 3,
  kInvalidEnvironment = 4,
  kIo = 5,
  kDecode = 6,
  kInvalidConfig = 7,
  kInvalidNetns = 8,
  kTryAgain = 11,
  kUnavailable = 50,
  kLimited = 51,
  kWiring = 100,      // a netlink call in the node's or the pod's namespace failed
  kCheckFailed = 101  // CHECK found something that differs
};

absl::Status CniError(ErrorCode code, absl::string_view message, absl::string_view details = "");
// For codes that come from the agent.
absl::Status CniError(int code, absl::string_view message, absl::string_view details);
// `status` with this code unless it carries one already.
absl::Status WithCode(const absl::Status& status, ErrorCode code, absl::string_view details = "");

int CodeOf(const absl::Status& status);
std::string DetailsOf(const absl::Status& status);

// The object that the specification wants on stdout.
std::string ErrorJson(const absl::Status& status, const std::string& cni_version);

}  // namespace fairlead::cni
