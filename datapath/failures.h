// What could not be applied, one entry an object.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "datapath/datapath.h"

namespace fairlead::datapath {

using Failures = std::vector<ApplyReport::Failure>;

// Adds a failure unless the object has one already: the first cause is enough.
inline void Fail(Failures& failures, const std::string& kind, const std::string& name,
                 const absl::Status& status) {
  for (const ApplyReport::Failure& held : failures) {
    if (held.kind == kind && held.name == name) return;
  }
  failures.push_back({kind, name, status});
}

inline void Add(Failures& failures, const Failures& more) {
  for (const ApplyReport::Failure& failure : more) Fail(failures, failure.kind, failure.name, failure.status);
}

}  // namespace fairlead::datapath
