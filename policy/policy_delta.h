// What a change of the cluster changed in its compiled policy: the difference between two
// CompiledPolicies, never one of them.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "policy/compiled.h"

namespace fairlead::policy {

struct MembersDelta {
  std::vector<IpPrefix> added;    // sorted
  std::vector<IpPrefix> removed;  // sorted

  bool operator==(const MembersDelta&) const = default;
};

// Publish in this order: groups, sets, pods; then what was removed.
struct PolicyDelta {
  // A set never changes under its name. `oversized` as in CompiledPolicy, for added sets.
  std::map<std::string, PolicySet> sets_added;
  std::map<std::string, size_t> oversized;
  std::set<std::string> sets_removed;

  std::map<std::string, AddressGroup> groups_added;
  std::map<std::string, MembersDelta> groups_changed;
  std::set<std::string> groups_removed;

  std::map<std::string, PodPolicy> pods_changed;  // by UID; new ones as well
  std::set<std::string> pods_removed;

  bool empty() const;
};

// Brings `compiled` up to date. The delta must follow from exactly that state.
void ApplyDelta(const PolicyDelta& delta, CompiledPolicy& compiled);

}  // namespace fairlead::policy
