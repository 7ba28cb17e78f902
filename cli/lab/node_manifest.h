// The lab's Node objects: addresses and pod ranges are the lab's own, labels come from the user's Nodes.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "cli/lab/manifest_store.h"
#include "cli/lab/plan.h"

namespace fairlead::lab {

absl::StatusOr<std::vector<Document>> NodeDocuments(const Plan& plan, const std::vector<Document>& users);

}  // namespace fairlead::lab
