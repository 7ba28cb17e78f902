// The kinds of the Kubernetes API and our own: those that the controller reads, and those that it knows to
// pass over. A kind of one of Kubernetes' own groups, or ours, that is neither is refused as a misspelling.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace fairlead::controller {

struct KindVerdict {
  enum class Decision { kRead, kIgnore, kRefuse };
  Decision decision = Decision::kIgnore;
  bool cluster_scoped = false;  // kRead
  std::string message;          // kRefuse: what is wrong and what is allowed
};

KindVerdict JudgeKind(const std::string& api_version, const std::string& kind);

}  // namespace fairlead::controller
