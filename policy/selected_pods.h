// Which pods every selector selects, and the members of address groups, kept up to date pod by pod.
// Knows nothing of rules and sets; incremental_compiler.h builds those on top.
//
// Pods of one namespace with equal labels share a LabelClass, so selectors are evaluated once for
// all of them, and a change of a pod touches the selectors that its old and new labels meet, only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/container/node_hash_map.h"
#include "policy/compiled.h"
#include "policy/group_spec.h"
#include "policy/packed_labels.h"
#include "policy/policy_delta.h"
#include "policy/rule_template.h"
#include "policy/selection_index.h"

namespace fairlead::policy {

struct LabelClass;
struct PolicyRecord;  // incremental_compiler.cc
struct SetRecord;     // incremental_compiler.cc

// A pod with a network of its own.
struct PodRecord {
  LabelClass* label_class = nullptr;
  absl::InlinedVector<IpAddress, 2> addresses;  // sorted, each once
  std::vector<NamedPort> ports;                 // sorted, each once
  bool terminated = false;                      // no peer finds it
  // What it was last said to have; null: not isolated.
  bool announced = false;
  SetRecord* ingress = nullptr;
  SetRecord* egress = nullptr;
};

// uid and pod; stable in memory.
using PodNode = std::pair<const std::string, PodRecord>;

// The addresses that a peer of some rule stands for.
struct GroupRecord {
  std::string name;
  GroupSpec spec;
  struct Selection* selection = nullptr;        // null: a block, without regard to pods
  absl::btree_multiset<IpAddress> members;      // twice while two pods claim one address
  std::vector<std::pair<IpAddress, int>> news;  // since it was last announced: +1 came, -1 went
  uint32_t users = 0;
  bool announced = false;
  bool touched = false;
};

// The numbers that the pods of a selection have under a port name.
struct PortTracker {
  PortKey port;
  struct Selection* selection = nullptr;
  std::map<uint16_t, uint32_t> pods_by_number;
  absl::flat_hash_set<PolicyRecord*> users;
};

// A selector within its scope.
struct Selection {
  SelectionIndex::Id id = 0;
  SelectionIndex::Scope scope = 0;
  GroupSpec spec;  // without block and port
  uint32_t users = 0;
  absl::flat_hash_set<LabelClass*> classes;
  std::vector<PolicyRecord*> subjects;  // policies whose podSelector this is
  std::vector<GroupRecord*> groups;
  std::vector<std::unique_ptr<PortTracker>> trackers;

  // The order in which collections of selections are kept.
  static bool ById(const Selection* a, const Selection* b) { return a->id < b->id; }
};

struct NamespaceRecord {
  std::string name;
  std::optional<PackedLabels> labels;  // absent: only known from its pods
  std::vector<SelectionIndex::Scope> scopes;
  absl::flat_hash_set<LabelClass*> classes;
};

struct LabelClass {
  NamespaceRecord* at = nullptr;
  PackedLabels labels;
  std::vector<Selection*> selections;  // by id
  absl::flat_hash_set<PodNode*> pods;
};

class SelectedPods {
 public:
  SelectedPods() = default;
  SelectedPods(const SelectedPods&) = delete;
  SelectedPods& operator=(const SelectedPods&) = delete;

  void UpsertNamespace(const Namespace& changed);
  void RemoveNamespace(const std::string& name);
  // `pod` has a network of its own.
  PodNode& UpsertPod(const Pod& pod);
  // The record as it last was; nothing when there is no such pod.
  std::optional<PodRecord> RemovePod(const std::string& uid);

  // `spec` without block and port. Release once for each Acquire.
  Selection& AcquireSelection(const GroupSpec& spec);
  void Release(Selection& selection);
  // A group without users stays until CollectGroups.
  GroupRecord& AcquireGroup(const GroupSpec& spec);
  void Release(GroupRecord& group);
  // Has `user` among its users until Release.
  PortTracker& AcquireTracker(const GroupSpec& spec, const PortKey& port, PolicyRecord& user);
  void Release(PortTracker& tracker, PolicyRecord& user);

  // Pods that may have got other policies or ports; port names that have got or lost a number.
  absl::flat_hash_set<PodNode*>& changed_pods() { return changed_pods_; }
  absl::flat_hash_set<PortTracker*>& changed_trackers() { return changed_trackers_; }
  // Adds what happened to groups since the last time to `delta` (null: nobody asks).
  void CollectGroups(PolicyDelta* delta);

  const absl::node_hash_map<std::string, PodRecord>& pods() const { return pods_; }
  const absl::node_hash_map<std::string, GroupRecord>& groups() const { return groups_; }
  static AddressGroup ValueOf(const GroupRecord& group);

 private:
  // Of peers that name no namespace.
  static constexpr SelectionIndex::Scope kEverywhere = 0;

  struct ScopeRecord {
    SelectionIndex::Scope scope = 0;
    uint32_t users = 0;
  };

  NamespaceRecord& NamespaceOf(const std::string& name);
  void DropIfUnused(NamespaceRecord& at);
  void FindScopes(NamespaceRecord& at);
  void Reclassify(NamespaceRecord& at);
  LabelClass& ClassOf(NamespaceRecord& at, PackedLabels labels);
  void DropIfUnused(LabelClass& label_class);
  std::vector<Selection*> SelectionsOf(const NamespaceRecord& at, const PackedLabels& labels) const;
  SelectionIndex::Scope AcquireScope(const GroupSpec& spec);
  void ReleaseScope(const GroupSpec& spec);

  // Calls `visit` for every class of pods that `spec` may select in.
  template <typename Visitor>
  void ForEachClassIn(SelectionIndex::Scope scope, const GroupSpec& spec, Visitor visit);

  // `pod` comes under (+1) or leaves (-1) what `selection` stands for.
  void Account(PodNode& pod, Selection& selection, int sign);
  void Account(const PodRecord& pod, GroupRecord& group, int sign);
  void Account(const PodRecord& pod, PortTracker& tracker, int sign);
  void Touch(GroupRecord& group);

  absl::node_hash_map<std::string, NamespaceRecord> namespaces_;
  absl::node_hash_map<std::pair<NamespaceRecord*, PackedLabels>, LabelClass> classes_;
  absl::node_hash_map<std::string, PodRecord> pods_;
  absl::node_hash_map<std::string, GroupRecord> groups_;

  std::map<std::string, ScopeRecord> scope_by_namespace_;
  std::map<LabelSelector, ScopeRecord> scope_by_selector_;
  std::map<std::pair<SelectionIndex::Scope, LabelSelector>, Selection> selections_;
  absl::flat_hash_map<SelectionIndex::Id, Selection*> selection_by_id_;
  SelectionIndex index_;
  SelectionIndex::Scope last_scope_ = kEverywhere;
  SelectionIndex::Id last_selection_ = 0;

  absl::flat_hash_set<PodNode*> changed_pods_;
  absl::flat_hash_set<PortTracker*> changed_trackers_;
  std::vector<GroupRecord*> touched_groups_;
};

}  // namespace fairlead::policy
