#include "policy/policy_delta.h"

#include <algorithm>
#include <iterator>

namespace fairlead::policy {
namespace {

void Apply(const MembersDelta& delta, std::vector<IpPrefix>& members) {
  std::vector<IpPrefix> kept;
  std::set_difference(members.begin(), members.end(), delta.removed.begin(), delta.removed.end(),
                      std::back_inserter(kept));
  members.clear();
  std::merge(kept.begin(), kept.end(), delta.added.begin(), delta.added.end(), std::back_inserter(members));
}

}  // namespace

bool PolicyDelta::empty() const {
  return sets_added.empty() && sets_removed.empty() && groups_added.empty() && groups_changed.empty() &&
         groups_removed.empty() && pods_changed.empty() && pods_removed.empty();
}

void ApplyDelta(const PolicyDelta& delta, CompiledPolicy& compiled) {
  for (const auto& [name, group] : delta.groups_added) compiled.groups[name] = group;
  for (const auto& [name, members] : delta.groups_changed) Apply(members, compiled.groups.at(name).members);
  for (const auto& [name, set] : delta.sets_added) compiled.sets[name] = set;
  for (const auto& [name, rules] : delta.oversized) compiled.oversized[name] = rules;
  for (const auto& [uid, pod] : delta.pods_changed) compiled.pods[uid] = pod;
  for (const std::string& uid : delta.pods_removed) compiled.pods.erase(uid);
  for (const std::string& name : delta.sets_removed) {
    compiled.sets.erase(name);
    compiled.oversized.erase(name);
  }
  for (const std::string& name : delta.groups_removed) compiled.groups.erase(name);
}

}  // namespace fairlead::policy
