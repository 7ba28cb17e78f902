#include "policy/selected_pods.h"

#include <algorithm>
#include <iterator>

#include "policy/selector.h"
#include "policy/sort_unique.h"

namespace fairlead::policy {
namespace {

std::vector<Selection*> Without(const std::vector<Selection*>& some, const std::vector<Selection*>& others) {
  std::vector<Selection*> rest;
  std::set_difference(some.begin(), some.end(), others.begin(), others.end(), std::back_inserter(rest),
                      Selection::ById);
  return rest;
}

}  // namespace

// Namespaces.

NamespaceRecord& SelectedPods::NamespaceOf(const std::string& name) {
  const auto [it, added] = namespaces_.try_emplace(name);
  if (added) {
    it->second.name = name;
    FindScopes(it->second);
  }
  return it->second;
}

void SelectedPods::DropIfUnused(NamespaceRecord& at) {
  if (!at.labels && at.classes.empty()) namespaces_.erase(namespaces_.find(at.name));
}

void SelectedPods::FindScopes(NamespaceRecord& at) {
  at.scopes = {kEverywhere};
  if (const auto own = scope_by_namespace_.find(at.name); own != scope_by_namespace_.end()) {
    at.scopes.push_back(own->second.scope);
  }
  if (!at.labels) return;
  for (const auto& [selector, record] : scope_by_selector_) {
    if (Matches(selector, *at.labels)) at.scopes.push_back(record.scope);
  }
}

void SelectedPods::UpsertNamespace(const Namespace& changed) {
  NamespaceRecord& at = NamespaceOf(changed.name);
  PackedLabels labels(changed.labels);
  if (at.labels == labels) return;
  at.labels = std::move(labels);
  Reclassify(at);
}

void SelectedPods::RemoveNamespace(const std::string& name) {
  const auto found = namespaces_.find(name);
  if (found == namespaces_.end()) return;
  found->second.labels.reset();
  Reclassify(found->second);
  DropIfUnused(found->second);
}

void SelectedPods::Reclassify(NamespaceRecord& at) {
  FindScopes(at);
  for (LabelClass* label_class : at.classes) {
    std::vector<Selection*> selections = SelectionsOf(at, label_class->labels);
    for (Selection* gone : Without(label_class->selections, selections)) {
      gone->classes.erase(label_class);
      for (PodNode* pod : label_class->pods) Account(*pod, *gone, -1);
    }
    for (Selection* come : Without(selections, label_class->selections)) {
      come->classes.insert(label_class);
      for (PodNode* pod : label_class->pods) Account(*pod, *come, +1);
    }
    label_class->selections = std::move(selections);
  }
}

// Pods.

std::vector<Selection*> SelectedPods::SelectionsOf(const NamespaceRecord& at,
                                                   const PackedLabels& labels) const {
  std::vector<SelectionIndex::Id> candidates;
  index_.AppendCandidates(at.scopes, labels, candidates);
  std::vector<Selection*> selections;
  for (const SelectionIndex::Id id : candidates) {
    Selection* selection = selection_by_id_.at(id);
    if (Matches(selection->spec.pod_selector, labels)) selections.push_back(selection);
  }
  std::sort(selections.begin(), selections.end(), Selection::ById);
  return selections;
}

LabelClass& SelectedPods::ClassOf(NamespaceRecord& at, PackedLabels labels) {
  const auto [it, added] = classes_.try_emplace(std::make_pair(&at, labels));
  LabelClass& label_class = it->second;
  if (added) {
    label_class.at = &at;
    label_class.labels = std::move(labels);
    label_class.selections = SelectionsOf(at, label_class.labels);
    for (Selection* selection : label_class.selections) selection->classes.insert(&label_class);
    at.classes.insert(&label_class);
  }
  return label_class;
}

void SelectedPods::DropIfUnused(LabelClass& label_class) {
  if (!label_class.pods.empty()) return;
  NamespaceRecord& at = *label_class.at;
  for (Selection* selection : label_class.selections) selection->classes.erase(&label_class);
  at.classes.erase(&label_class);
  classes_.erase(classes_.find(std::make_pair(&at, label_class.labels)));
  DropIfUnused(at);
}

PodNode& SelectedPods::UpsertPod(const Pod& pod) {
  PodNode& node = *pods_.try_emplace(pod.uid).first;
  PodRecord& record = node.second;
  absl::InlinedVector<IpAddress, 2> addresses(pod.addresses.begin(), pod.addresses.end());
  SortUnique(addresses);
  std::vector<NamedPort> ports = pod.named_ports;
  SortUnique(ports);

  LabelClass* const before = record.label_class;
  LabelClass* const after = &ClassOf(NamespaceOf(pod.namespace_name), PackedLabels(pod.labels));
  const bool same_place = before != nullptr && record.addresses == addresses && record.ports == ports &&
                          record.terminated == pod.terminated;
  if (same_place && before == after) return node;

  const std::vector<Selection*> none;
  const std::vector<Selection*>& had = before != nullptr ? before->selections : none;
  if (same_place) {
    for (Selection* gone : Without(had, after->selections)) Account(node, *gone, -1);
    for (Selection* come : Without(after->selections, had)) Account(node, *come, +1);
  } else {
    for (Selection* gone : had) Account(node, *gone, -1);
    record.addresses = std::move(addresses);
    record.ports = std::move(ports);
    record.terminated = pod.terminated;
    for (Selection* come : after->selections) Account(node, *come, +1);
    changed_pods_.insert(&node);
  }
  if (before != after) {
    record.label_class = after;
    after->pods.insert(&node);
    if (before != nullptr) {
      before->pods.erase(&node);
      DropIfUnused(*before);
    }
  }
  return node;
}

std::optional<PodRecord> SelectedPods::RemovePod(const std::string& uid) {
  const auto found = pods_.find(uid);
  if (found == pods_.end()) return std::nullopt;
  PodNode& node = *found;
  LabelClass& label_class = *node.second.label_class;
  for (Selection* selection : label_class.selections) Account(node, *selection, -1);
  label_class.pods.erase(&node);
  DropIfUnused(label_class);
  changed_pods_.erase(&node);
  PodRecord record = std::move(node.second);
  pods_.erase(found);
  return record;
}

void SelectedPods::Account(PodNode& pod, Selection& selection, int sign) {
  if (!selection.subjects.empty()) changed_pods_.insert(&pod);
  if (pod.second.terminated) return;
  for (GroupRecord* group : selection.groups) Account(pod.second, *group, sign);
  for (const auto& tracker : selection.trackers) Account(pod.second, *tracker, sign);
}

void SelectedPods::Account(const PodRecord& pod, GroupRecord& group, int sign) {
  if (group.spec.port && !std::binary_search(pod.ports.begin(), pod.ports.end(), *group.spec.port)) return;
  for (const IpAddress& address : pod.addresses) {
    if (!Covers(group.spec, address)) continue;
    const auto found = group.members.find(address);
    if (sign > 0) {
      if (found == group.members.end()) group.news.emplace_back(address, +1);
      group.members.insert(address);
    } else {
      const auto next = group.members.erase(found);
      const bool still = next != group.members.end() && *next == address;
      if (!still) group.news.emplace_back(address, -1);
    }
    Touch(group);
  }
}

void SelectedPods::Account(const PodRecord& pod, PortTracker& tracker, int sign) {
  for (const NamedPort& port : pod.ports) {
    if (port.name != tracker.port.first || port.protocol != tracker.port.second) continue;
    if (sign > 0) {
      if (tracker.pods_by_number[port.number]++ == 0) changed_trackers_.insert(&tracker);
    } else if (--tracker.pods_by_number[port.number] == 0) {
      tracker.pods_by_number.erase(port.number);
      changed_trackers_.insert(&tracker);
    }
  }
}

}  // namespace fairlead::policy
