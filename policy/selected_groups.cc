// The part of SelectedPods that is about selectors, groups and port names.
#include <algorithm>

#include "policy/selected_pods.h"
#include "policy/selector.h"

namespace fairlead::policy {
namespace {

template <typename T>
void EraseOne(std::vector<T>& values, const T& value) {
  values.erase(std::find(values.begin(), values.end(), value));
}

}  // namespace

// Scopes.

SelectionIndex::Scope SelectedPods::AcquireScope(const GroupSpec& spec) {
  if (!spec.namespace_name && !spec.namespace_selector) return kEverywhere;
  ScopeRecord& record = spec.namespace_name ? scope_by_namespace_[*spec.namespace_name]
                                            : scope_by_selector_[*spec.namespace_selector];
  if (record.users++ > 0) return record.scope;
  record.scope = ++last_scope_;
  if (spec.namespace_name) {
    const auto at = namespaces_.find(*spec.namespace_name);
    if (at != namespaces_.end()) at->second.scopes.push_back(record.scope);
    return record.scope;
  }
  for (auto& [name, at] : namespaces_) {
    if (at.labels && Matches(*spec.namespace_selector, *at.labels)) at.scopes.push_back(record.scope);
  }
  return record.scope;
}

void SelectedPods::ReleaseScope(const GroupSpec& spec) {
  if (spec.namespace_name) {
    const auto found = scope_by_namespace_.find(*spec.namespace_name);
    if (--found->second.users > 0) return;
    const auto at = namespaces_.find(*spec.namespace_name);
    if (at != namespaces_.end()) EraseOne(at->second.scopes, found->second.scope);
    scope_by_namespace_.erase(found);
  } else if (spec.namespace_selector) {
    const auto found = scope_by_selector_.find(*spec.namespace_selector);
    if (--found->second.users > 0) return;
    for (auto& [name, at] : namespaces_) {
      const auto scope = std::find(at.scopes.begin(), at.scopes.end(), found->second.scope);
      if (scope != at.scopes.end()) at.scopes.erase(scope);
    }
    scope_by_selector_.erase(found);
  }
}

template <typename Visitor>
void SelectedPods::ForEachClassIn(SelectionIndex::Scope scope, const GroupSpec& spec, Visitor visit) {
  const auto visit_all = [&](const NamespaceRecord& at) {
    if (std::find(at.scopes.begin(), at.scopes.end(), scope) == at.scopes.end()) return;
    for (LabelClass* label_class : at.classes) visit(*label_class);
  };
  if (spec.namespace_name) {
    const auto at = namespaces_.find(*spec.namespace_name);
    if (at != namespaces_.end()) visit_all(at->second);
    return;
  }
  for (const auto& [name, at] : namespaces_) visit_all(at);
}

// Selections.

Selection& SelectedPods::AcquireSelection(const GroupSpec& spec) {
  const SelectionIndex::Scope scope = AcquireScope(spec);
  const auto [it, added] = selections_.try_emplace(std::make_pair(scope, spec.pod_selector));
  Selection& selection = it->second;
  ++selection.users;
  if (!added) {
    ReleaseScope(spec);  // the selection holds it once
    return selection;
  }
  selection.id = ++last_selection_;
  selection.scope = scope;
  selection.spec = spec;
  selection.spec.block.reset();
  selection.spec.port.reset();
  selection_by_id_[selection.id] = &selection;
  index_.Add(selection.id, scope, spec.pod_selector);
  ForEachClassIn(scope, spec, [&](LabelClass& label_class) {
    if (!Matches(spec.pod_selector, label_class.labels)) return;
    selection.classes.insert(&label_class);
    label_class.selections.push_back(&selection);  // its id is the highest
  });
  return selection;
}

void SelectedPods::Release(Selection& selection) {
  if (--selection.users > 0) return;
  for (LabelClass* label_class : selection.classes) {
    auto& selections = label_class->selections;
    selections.erase(std::lower_bound(selections.begin(), selections.end(), &selection, Selection::ById));
  }
  index_.Remove(selection.id, selection.scope, selection.spec.pod_selector);
  selection_by_id_.erase(selection.id);
  const GroupSpec spec = std::move(selection.spec);
  selections_.erase(std::make_pair(selection.scope, spec.pod_selector));
  ReleaseScope(spec);
}

// Groups.

GroupRecord& SelectedPods::AcquireGroup(const GroupSpec& spec) {
  std::string name = NameOf(spec);
  const auto [it, added] = groups_.try_emplace(name);
  GroupRecord& group = it->second;
  ++group.users;
  if (!added) return group;
  group.name = std::move(name);
  group.spec = spec;
  Touch(group);
  if (spec.is_static()) return group;
  GroupSpec pods = spec;
  if (spec.block) pods = AnyPod();
  group.selection = &AcquireSelection(pods);
  group.selection->groups.push_back(&group);
  for (const LabelClass* label_class : group.selection->classes) {
    for (const PodNode* pod : label_class->pods) {
      if (!pod->second.terminated) Account(pod->second, group, +1);
    }
  }
  return group;
}

void SelectedPods::Release(GroupRecord& group) {
  if (--group.users == 0) Touch(group);
}

void SelectedPods::Touch(GroupRecord& group) {
  if (group.touched) return;
  group.touched = true;
  touched_groups_.push_back(&group);
}

AddressGroup SelectedPods::ValueOf(const GroupRecord& group) {
  AddressGroup value;
  value.description = Describe(group.spec);
  if (group.spec.is_static()) {
    value.members = {group.spec.block->cidr};
    value.exceptions = group.spec.block->except;
    return value;
  }
  const IpAddress* last = nullptr;
  for (const IpAddress& address : group.members) {
    if (last == nullptr || *last != address) value.members.push_back(IpPrefix::Host(address));
    last = &address;
  }
  return value;
}

namespace {

// What is left of a sequence of comings and goings.
MembersDelta NetOf(std::vector<std::pair<IpAddress, int>>& news) {
  std::sort(news.begin(), news.end());
  MembersDelta net;
  for (size_t i = 0; i < news.size();) {
    const IpAddress address = news[i].first;
    int sum = 0;
    for (; i < news.size() && news[i].first == address; ++i) sum += news[i].second;
    if (sum > 0) net.added.push_back(IpPrefix::Host(address));
    if (sum < 0) net.removed.push_back(IpPrefix::Host(address));
  }
  return net;
}

}  // namespace

void SelectedPods::CollectGroups(PolicyDelta* delta) {
  for (GroupRecord* group : touched_groups_) {
    group->touched = false;
    if (group->users == 0) {
      if (delta != nullptr && group->announced) delta->groups_removed.insert(group->name);
      if (group->selection != nullptr) {
        EraseOne(group->selection->groups, group);
        Release(*group->selection);
      }
      groups_.erase(groups_.find(group->name));
      continue;
    }
    if (delta != nullptr && !group->announced) {
      delta->groups_added.emplace(group->name, ValueOf(*group));
    } else if (delta != nullptr) {
      MembersDelta net = NetOf(group->news);
      if (!net.added.empty() || !net.removed.empty())
        delta->groups_changed.emplace(group->name, std::move(net));
    }
    group->announced = true;
    group->news = {};
  }
  touched_groups_.clear();
}

// Port names.

PortTracker& SelectedPods::AcquireTracker(const GroupSpec& spec, const PortKey& port, PolicyRecord& user) {
  Selection& selection = AcquireSelection(spec.block ? AnyPod() : spec);
  for (const auto& tracker : selection.trackers) {
    if (tracker->port != port) continue;
    tracker->users.insert(&user);
    Release(selection);  // the tracker holds it once
    return *tracker;
  }
  PortTracker& tracker = *selection.trackers.emplace_back(std::make_unique<PortTracker>());
  tracker.port = port;
  tracker.selection = &selection;
  tracker.users.insert(&user);
  for (const LabelClass* label_class : selection.classes) {
    for (const PodNode* pod : label_class->pods) {
      if (!pod->second.terminated) Account(pod->second, tracker, +1);
    }
  }
  changed_trackers_.erase(&tracker);  // its user is about to read it
  return tracker;
}

void SelectedPods::Release(PortTracker& tracker, PolicyRecord& user) {
  tracker.users.erase(&user);
  if (!tracker.users.empty()) return;
  changed_trackers_.erase(&tracker);
  Selection& selection = *tracker.selection;
  auto& trackers = selection.trackers;
  trackers.erase(std::find_if(trackers.begin(), trackers.end(),
                              [&](const auto& candidate) { return candidate.get() == &tracker; }));
  Release(selection);
}

}  // namespace fairlead::policy
