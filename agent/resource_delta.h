// A resource and a delta make the next version of the resource. Pure. The lists are sets: adding what
// is there or removing what is not means that the two sides disagree and is refused.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/resource.h"

namespace fairlead::agent {

absl::Status CheckBase(const std::string& base_version, const std::string& held_version);

absl::StatusOr<policy::AddressGroup> Patched(policy::AddressGroup group, const AddressGroupDelta& delta);
absl::StatusOr<datapath::Service> Patched(datapath::Service service, const ServiceDelta& delta);

}  // namespace fairlead::agent
