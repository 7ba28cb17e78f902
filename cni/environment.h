// The CNI_* variables that a runtime starts the plugin with, checked.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"

namespace fairlead::cni {

struct Environment {
  std::string command;  // "ADD", "DEL", "CHECK", "STATUS", "GC", "VERSION"
  std::string container_id;
  std::string netns;  // path; may be empty at DEL
  std::string if_name;
  // Of CNI_ARGS (K8S_POD_NAMESPACE, K8S_POD_NAME, K8S_POD_UID).
  std::string pod_namespace, pod_name, pod_uid;
};

// `get` answers like getenv: nullptr when the variable is not set. Errors carry code 4.
absl::StatusOr<Environment> ReadEnvironment(const std::function<const char*(const char*)>& get);

}  // namespace fairlead::cni
