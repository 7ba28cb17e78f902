#include "controller/model/policy_view.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace fairlead::controller {
namespace {

std::vector<policy::NamedPort> NamedPortsOf(const ClusterPod& pod) {
  std::vector<policy::NamedPort> ports;
  for (const Container& container : pod.containers) {
    for (const ContainerPort& port : container.ports) {
      if (!port.name.empty()) ports.push_back({port.name, port.protocol, port.number});
    }
  }
  return ports;
}

// Groups that a set's rules mention, each once.
std::set<std::string> GroupsOf(const Resource& set) {
  std::set<std::string> groups;
  for (const policy::Rule& rule : std::get<policy::PolicySet>(set.body).rules) {
    groups.insert(rule.peers.begin(), rule.peers.end());
  }
  return groups;
}

std::vector<IpPrefix> Changed(const std::vector<IpPrefix>& members, const policy::MembersDelta& delta) {
  std::vector<IpPrefix> kept;
  std::set_difference(members.begin(), members.end(), delta.removed.begin(), delta.removed.end(),
                      std::back_inserter(kept));
  std::vector<IpPrefix> result;
  std::set_union(kept.begin(), kept.end(), delta.added.begin(), delta.added.end(),
                 std::back_inserter(result));
  return result;
}

}  // namespace

void PolicyView::SetPod(const ClusterPod& pod, const std::vector<IpAddress>& addresses) {
  compiler_.UpsertPod({pod.uid, pod.namespace_name, pod.name, pod.node, pod.labels, addresses,
                       NamedPortsOf(pod), pod.host_network, pod.terminated});
  if (pod.host_network || pod.node.empty()) {
    pods_.erase(pod.uid);  // has no endpoint; it may have had one
  } else {
    ClusterPod& mine = pods_[pod.uid];
    mine.uid = pod.uid;
    mine.namespace_name = pod.namespace_name;
    mine.name = pod.name;
    mine.owner = pod.owner;
    mine.node = pod.node;
  }
  touched_.insert(pod.uid);
}

void PolicyView::RemovePod(const std::string& uid) {
  compiler_.RemovePod(uid);
  pods_.erase(uid);
  touched_.insert(uid);
}

void PolicyView::UseSet(const std::string& node, const std::string& set, Changes* changes) {
  NodeState& state = nodes_[node];
  if (state.set_uses[set]++ > 0) return;
  const ResourcePtr& resource = sets_.at(set);
  for (const std::string& group : GroupsOf(*resource)) {
    if (state.group_uses[group]++ > 0) continue;
    group_nodes_[group].insert(node);
    PutResource(groups_.at(group), &state.resources, &changes->nodes[node]);
  }
  PutResource(resource, &state.resources, &changes->nodes[node]);
}

void PolicyView::ReleaseSet(const std::string& node, const std::string& set, Changes* changes) {
  NodeState& state = nodes_[node];
  if (--state.set_uses[set] > 0) return;
  state.set_uses.erase(set);
  for (const std::string& group : GroupsOf(*sets_.at(set))) {
    if (--state.group_uses[group] > 0) continue;
    state.group_uses.erase(group);
    group_nodes_[group].erase(node);
    DropResource({ResourceKind::kAddressGroup, group}, &state.resources, &changes->nodes[node]);
  }
  DropResource({ResourceKind::kPolicySet, set}, &state.resources, &changes->nodes[node]);
}

void PolicyView::Republish(const std::string& uid, Changes* changes) {
  Published before;
  if (auto published = published_.find(uid); published != published_.end()) {
    before = std::move(published->second);
    published_.erase(published);
  }
  auto pod = pods_.find(uid);
  std::optional<policy::PodPolicy> policy = pod == pods_.end() ? std::nullopt : compiler_.FindPod(uid);
  if (policy) {
    const ClusterPod& from = pod->second;
    Published now{from.node, {policy->ingress_set, policy->egress_set}};
    now.sets.erase("");
    for (const std::string& set : now.sets) UseSet(now.node, set, changes);
    PutResource(MakeResource(uid, Endpoint{uid, from.namespace_name, from.name, policy->ingress_set,
                                           policy->egress_set, from.owner}),
                &nodes_[now.node].resources, &changes->nodes[now.node]);
    published_[uid] = std::move(now);
  }
  if (before.node.empty()) return;
  if (!policy || pod->second.node != before.node) {
    DropResource({ResourceKind::kEndpoint, uid}, &nodes_[before.node].resources,
                 &changes->nodes[before.node]);
  }
  for (const std::string& set : before.sets) ReleaseSet(before.node, set, changes);
}

void PolicyView::TakeSetsAndGroups(const policy::PolicyDelta& delta, Changes* changes) {
  for (const auto& [name, group] : delta.groups_added) groups_[name] = MakeResource(name, group);
  for (const auto& [name, members] : delta.groups_changed) {
    ResourcePtr& resource = groups_.at(name);
    policy::AddressGroup group = std::get<policy::AddressGroup>(resource->body);
    group.members = Changed(group.members, members);
    resource = MakeResource(name, std::move(group));
    for (const std::string& node : group_nodes_[name]) {
      PutResource(resource, &nodes_[node].resources, &changes->nodes[node]);
    }
  }
  for (const auto& [name, set] : delta.sets_added) sets_[name] = MakeResource(name, set);
  for (const auto& [name, rules] : delta.oversized) {
    oversized_[name] = {rules, delta.sets_added.at(name).rules.back().origin.isolating};
  }
}

void PolicyView::Commit(Changes* changes) {
  policy::PolicyDelta delta = compiler_.Commit();
  TakeSetsAndGroups(delta, changes);
  for (const auto& [uid, policy] : delta.pods_changed) touched_.insert(uid);
  for (const std::string& uid : std::exchange(touched_, {})) Republish(uid, changes);
  // Nobody uses them any more.
  for (const std::string& name : delta.sets_removed) {
    sets_.erase(name);
    oversized_.erase(name);
  }
  for (const std::string& name : delta.groups_removed) {
    groups_.erase(name);
    group_nodes_.erase(name);
  }
}

const Resources* PolicyView::Of(const std::string& node) const {
  auto found = nodes_.find(node);
  return found == nodes_.end() ? nullptr : &found->second.resources;
}

}  // namespace fairlead::controller
