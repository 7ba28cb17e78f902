#include "agent/resource_delta.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace fairlead::agent {
namespace {

// `set` is sorted; the result is, too.
template <typename T>
absl::Status Patch(std::vector<T>& set, std::vector<T> added, std::vector<T> removed,
                   const std::string& field) {
  std::sort(added.begin(), added.end());
  std::sort(removed.begin(), removed.end());
  if (!std::includes(set.begin(), set.end(), removed.begin(), removed.end())) {
    return absl::FailedPreconditionError(absl::StrCat(field, ": removes what is not there"));
  }
  std::vector<T> kept;
  kept.reserve(set.size());
  std::set_difference(std::make_move_iterator(set.begin()), std::make_move_iterator(set.end()),
                      removed.begin(), removed.end(), std::back_inserter(kept));
  set.clear();
  set.reserve(kept.size() + added.size());
  std::merge(kept.begin(), kept.end(), added.begin(), added.end(), std::back_inserter(set));
  if (std::adjacent_find(set.begin(), set.end()) != set.end()) {
    return absl::FailedPreconditionError(absl::StrCat(field, ": adds what is there already"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckBase(const std::string& base_version, const std::string& held_version) {
  if (base_version == held_version) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("is a change to version ", base_version,
                                                    ", this agent holds ",
                                                    held_version.empty() ? "none" : held_version));
}

absl::StatusOr<policy::AddressGroup> Patched(policy::AddressGroup group, const AddressGroupDelta& delta) {
  RETURN_IF_ERROR(Patch(group.members, delta.added, delta.removed, "members"));
  return group;
}

absl::StatusOr<datapath::Service> Patched(datapath::Service service, const ServiceDelta& delta) {
  for (const ServiceDelta::Port& change : delta.ports) {
    if (change.index >= service.ports.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("ports[", change.index, "]: the Service has ", service.ports.size(), " ports"));
    }
    auto& backends = service.ports[change.index].backends;
    RETURN_IF_ERROR(Patch(backends, change.added, change.removed, absl::StrCat("ports[", change.index, "]")));
  }
  return service;
}

}  // namespace fairlead::agent
