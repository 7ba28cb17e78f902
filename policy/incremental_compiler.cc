#include "policy/incremental_compiler.h"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/container/node_hash_map.h"
#include "absl/strings/str_cat.h"
#include "policy/rule_template.h"
#include "policy/selected_pods.h"
#include "policy/selector.h"

namespace fairlead::policy {

struct PolicyRecord {
  std::string name;  // within its namespace; all policies of a pod are of one
  bool isolates_ingress = false;
  bool isolates_egress = false;
  // Only where the templates depend on pods, by a named port of an egress rule.
  std::unique_ptr<const NetworkPolicy> source;
  Selection* subject = nullptr;
  PolicyTemplates templates;  // without groups; those stand below
  uint64_t version = 0;       // of the templates; never used twice
  std::vector<GroupRecord*> groups;
  std::vector<PortTracker*> trackers;
};

namespace {

// A set under its name; several keys may come to the same rules.
struct NamedSet {
  PolicySet set;
  size_t rules_wanted = 0;
  uint32_t users = 0;
  bool announced = false;
  bool touched = false;

  bool oversized() const { return rules_wanted > kMaxRulesPerSet; }
};
using NamedSetNode = std::pair<const std::string, NamedSet>;

// Pods of equal key have equal sets.
struct SetKey {
  Direction direction = Direction::kIngress;
  std::vector<uint64_t> versions;  // of the policies' templates, in the order of their names
  std::vector<std::tuple<std::string, Protocol, std::vector<uint16_t>>> port_map;

  bool operator==(const SetKey&) const = default;

  template <typename H>
  friend H AbslHashValue(H h, const SetKey& key) {
    return H::combine(std::move(h), key.direction, key.versions, key.port_map);
  }
};

}  // namespace

struct SetRecord {
  NamedSetNode* named = nullptr;
  uint32_t users = 0;  // pods
  const SetKey* key = nullptr;
};

class IncrementalCompiler::State {
 public:
  void UpsertPod(const Pod& pod) {
    if (pod.host_network) return RemovePod(pod.uid);
    PodNode& node = pods_.UpsertPod(pod);
    const auto removed = removed_pods_.extract(pod.uid);
    if (removed.empty()) return;
    // Removed and back again before anybody was told.
    node.second.announced = true;
    node.second.ingress = removed.mapped().ingress;
    node.second.egress = removed.mapped().egress;
    pods_.changed_pods().insert(&node);
  }

  void RemovePod(const std::string& uid) {
    std::optional<PodRecord> record = pods_.RemovePod(uid);
    if (record && record->announced) removed_pods_.emplace(uid, *std::move(record));
  }

  void UpsertPolicy(const NetworkPolicy& policy) {
    PolicyRecord& record = policies_[absl::StrCat(policy.namespace_name, "/", policy.name)];
    const PolicyRecord before = std::move(record);
    record = PolicyRecord();
    record.name = policy.name;
    record.isolates_ingress = policy.isolates_ingress;
    record.isolates_egress = policy.isolates_egress;
    record.subject = &pods_.AcquireSelection(
        {.namespace_name = policy.namespace_name, .pod_selector = Canonical(policy.pod_selector)});
    record.subject->subjects.push_back(&record);
    MakeTemplates(policy, record);
    if (!record.trackers.empty()) record.source = std::make_unique<NetworkPolicy>(policy);
    MarkSubjects(record);
    LetGo(before, record);
  }

  void RemovePolicy(const std::string& key) {
    const auto found = policies_.find(key);
    if (found == policies_.end()) return;
    LetGo(found->second, found->second);
    policies_.erase(found);
  }

  void Commit(PolicyDelta* delta) {
    RenewTemplates();
    for (PodNode* pod : pods_.changed_pods()) Assign(*pod, delta);
    pods_.changed_pods().clear();
    for (auto& [uid, record] : removed_pods_) {
      if (delta != nullptr) delta->pods_removed.insert(uid);
      Release(record.ingress);
      Release(record.egress);
    }
    removed_pods_.clear();
    CollectSets(delta);
    pods_.CollectGroups(delta);
  }

  static PodPolicy ValueOf(const PodRecord& pod) {
    const auto name = [](const SetRecord* set) { return set == nullptr ? "" : set->named->first; };
    return {name(pod.ingress), name(pod.egress)};
  }

  SelectedPods& pods() { return pods_; }
  const absl::node_hash_map<std::string, NamedSet>& sets() const { return named_sets_; }

 private:
  void MakeTemplates(const NetworkPolicy& policy, PolicyRecord& record) {
    record.version = ++last_version_;
    const PortNumbersOf numbers_of = [&](const GroupSpec& spec, const PortKey& port) {
      PortTracker& tracker = pods_.AcquireTracker(spec, port, record);
      if (std::find(record.trackers.begin(), record.trackers.end(), &tracker) == record.trackers.end()) {
        record.trackers.push_back(&tracker);
      }
      std::vector<uint16_t> numbers;
      numbers.reserve(tracker.pods_by_number.size());
      for (const auto& [number, pods] : tracker.pods_by_number) numbers.push_back(number);
      return numbers;
    };
    record.templates = TemplatesOf(policy, numbers_of);
    for (const auto& [name, spec] : record.templates.groups) {
      record.groups.push_back(&pods_.AcquireGroup(spec));
    }
    record.templates.groups.clear();
  }

  // Gives up what `before` held; `record` is where its trackers and its subject know it.
  void LetGo(const PolicyRecord& before, PolicyRecord& record) {
    if (before.subject == nullptr) return;
    for (const LabelClass* label_class : before.subject->classes) {
      pods_.changed_pods().insert(label_class->pods.begin(), label_class->pods.end());
    }
    auto& subjects = before.subject->subjects;
    subjects.erase(std::find(subjects.begin(), subjects.end(), &record));
    pods_.Release(*before.subject);
    ReleaseTemplates(before, record);
  }

  void ReleaseTemplates(const PolicyRecord& before, PolicyRecord& record) {
    const bool removed = &before == &record;
    for (PortTracker* tracker : before.trackers) {
      const bool still = !removed && std::find(record.trackers.begin(), record.trackers.end(), tracker) !=
                                         record.trackers.end();
      if (!still) pods_.Release(*tracker, record);
    }
    for (GroupRecord* group : before.groups) pods_.Release(*group);
  }

  void MarkSubjects(const PolicyRecord& record) {
    for (const LabelClass* label_class : record.subject->classes) {
      pods_.changed_pods().insert(label_class->pods.begin(), label_class->pods.end());
    }
  }

  // Of policies with a named port of which a number has come or gone.
  void RenewTemplates() {
    absl::flat_hash_set<PolicyRecord*> concerned;
    for (const PortTracker* tracker : pods_.changed_trackers()) {
      concerned.insert(tracker->users.begin(), tracker->users.end());
    }
    pods_.changed_trackers().clear();
    for (PolicyRecord* record : concerned) {
      PolicyRecord before;
      before.trackers = std::exchange(record->trackers, {});
      before.groups = std::exchange(record->groups, {});
      MakeTemplates(*record->source, *record);
      ReleaseTemplates(before, *record);
      MarkSubjects(*record);
    }
  }

  // Gives `pod` the sets that its policies and ports come to.
  void Assign(PodNode& pod, PolicyDelta* delta) {
    std::vector<const PolicyRecord*> policies;
    for (const Selection* selection : pod.second.label_class->selections) {
      policies.insert(policies.end(), selection->subjects.begin(), selection->subjects.end());
    }
    std::sort(policies.begin(), policies.end(),
              [](const PolicyRecord* a, const PolicyRecord* b) { return a->name < b->name; });
    SetRecord* ingress = Intern(Direction::kIngress, policies, pod.second);
    SetRecord* egress = Intern(Direction::kEgress, policies, pod.second);
    const auto same = [](const SetRecord* a, const SetRecord* b) {
      return a == b || (a != nullptr && b != nullptr && a->named == b->named);
    };
    const bool changed =
        !pod.second.announced || !same(ingress, pod.second.ingress) || !same(egress, pod.second.egress);
    Release(std::exchange(pod.second.ingress, ingress));
    Release(std::exchange(pod.second.egress, egress));
    pod.second.announced = true;
    if (changed && delta != nullptr) delta->pods_changed[pod.first] = ValueOf(pod.second);
  }

  SetRecord* Intern(Direction direction, const std::vector<const PolicyRecord*>& policies,
                    const PodRecord& pod) {
    const bool ingress = direction == Direction::kIngress;
    SetKey key{.direction = direction};
    std::vector<const PolicyTemplate*> templates;
    for (const PolicyRecord* policy : policies) {
      if (ingress ? !policy->isolates_ingress : !policy->isolates_egress) continue;
      key.versions.push_back(policy->version);
      templates.push_back(ingress ? &policy->templates.ingress : &policy->templates.egress);
    }
    if (templates.empty()) return nullptr;
    const PortMap port_map = ingress ? PortMapOf(templates, pod.ports) : PortMap();
    for (const auto& [port, numbers] : port_map) key.port_map.emplace_back(port.first, port.second, numbers);
    const auto [it, added] = sets_.try_emplace(std::move(key));
    SetRecord& record = it->second;
    ++record.users;
    if (!added) return &record;
    record.key = &it->first;
    BuiltSet built = BuildSet(direction, templates, port_map);
    NamedSetNode& named = *named_sets_.try_emplace(NameOf(built.set)).first;
    if (named.second.users++ == 0) {
      named.second.set = std::move(built.set);
      named.second.rules_wanted = built.rules_wanted;
      Touch(named);
    }
    record.named = &named;
    return &record;
  }

  void Release(SetRecord* record) {
    if (record == nullptr || --record->users > 0) return;
    if (--record->named->second.users == 0) Touch(*record->named);
    sets_.erase(sets_.find(*record->key));
  }

  void Touch(NamedSetNode& named) {
    if (std::exchange(named.second.touched, true)) return;
    touched_sets_.push_back(&named);
  }

  void CollectSets(PolicyDelta* delta) {
    for (NamedSetNode* named : touched_sets_) {
      NamedSet& set = named->second;
      set.touched = false;
      if (set.users == 0) {
        if (delta != nullptr && set.announced) delta->sets_removed.insert(named->first);
        named_sets_.erase(named_sets_.find(named->first));
        continue;
      }
      if (delta != nullptr && !set.announced) {
        delta->sets_added.emplace(named->first, set.set);
        if (set.oversized()) delta->oversized.emplace(named->first, set.rules_wanted);
      }
      set.announced = true;
    }
    touched_sets_.clear();
  }

  SelectedPods pods_;
  absl::node_hash_map<std::string, PolicyRecord> policies_;  // by "namespace/name"
  absl::node_hash_map<SetKey, SetRecord> sets_;
  absl::node_hash_map<std::string, NamedSet> named_sets_;
  std::vector<NamedSetNode*> touched_sets_;
  absl::node_hash_map<std::string, PodRecord> removed_pods_;  // and announced; they hold their sets
  uint64_t last_version_ = 0;
};

IncrementalCompiler::IncrementalCompiler() : state_(std::make_unique<State>()) {}
IncrementalCompiler::IncrementalCompiler(IncrementalCompiler&&) noexcept = default;
IncrementalCompiler& IncrementalCompiler::operator=(IncrementalCompiler&&) noexcept = default;
IncrementalCompiler::~IncrementalCompiler() = default;

void IncrementalCompiler::UpsertNamespace(const Namespace& changed) {
  state_->pods().UpsertNamespace(changed);
}
void IncrementalCompiler::RemoveNamespace(const std::string& name) {
  state_->pods().RemoveNamespace(name);
}
void IncrementalCompiler::UpsertPod(const Pod& pod) {
  state_->UpsertPod(pod);
}
void IncrementalCompiler::RemovePod(const std::string& uid) {
  state_->RemovePod(uid);
}
void IncrementalCompiler::UpsertPolicy(const NetworkPolicy& policy) {
  state_->UpsertPolicy(policy);
}
void IncrementalCompiler::RemovePolicy(const std::string& namespace_name, const std::string& name) {
  state_->RemovePolicy(absl::StrCat(namespace_name, "/", name));
}

void IncrementalCompiler::Load(const Cluster& cluster) {
  for (const auto& [name, at] : cluster.namespaces) UpsertNamespace(at);
  for (const auto& [key, policy] : cluster.policies) UpsertPolicy(policy);
  for (const auto& [uid, pod] : cluster.pods) UpsertPod(pod);
}

PolicyDelta IncrementalCompiler::Commit() {
  PolicyDelta delta;
  state_->Commit(&delta);
  return delta;
}

void IncrementalCompiler::CommitSilently() {
  state_->Commit(nullptr);
}

CompiledPolicy IncrementalCompiler::Snapshot() const {
  CompiledPolicy compiled;
  for (const auto& [name, named] : state_->sets()) {
    compiled.sets.emplace(name, named.set);
    if (named.oversized()) compiled.oversized.emplace(name, named.rules_wanted);
  }
  for (const auto& [name, group] : state_->pods().groups()) {
    compiled.groups.emplace(name, SelectedPods::ValueOf(group));
  }
  for (const auto& [uid, pod] : state_->pods().pods()) compiled.pods.emplace(uid, State::ValueOf(pod));
  return compiled;
}

std::optional<PodPolicy> IncrementalCompiler::FindPod(const std::string& uid) const {
  const auto found = state_->pods().pods().find(uid);
  if (found == state_->pods().pods().end()) return std::nullopt;
  return State::ValueOf(found->second);
}

const PolicySet* IncrementalCompiler::FindSet(const std::string& name) const {
  const auto found = state_->sets().find(name);
  return found == state_->sets().end() ? nullptr : &found->second.set;
}

std::optional<AddressGroup> IncrementalCompiler::FindGroup(const std::string& name) const {
  const auto found = state_->pods().groups().find(name);
  if (found == state_->pods().groups().end()) return std::nullopt;
  return SelectedPods::ValueOf(found->second);
}

}  // namespace fairlead::policy
