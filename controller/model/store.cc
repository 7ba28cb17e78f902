#include "controller/model/store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace fairlead::controller {
namespace {

// Calls `set` for what is new or different in `now`, `remove` for what is no more.
template <typename Map, typename Set, typename Remove>
void ForDifferences(const Map& before, const Map& now, Set set, Remove remove) {
  for (const auto& [key, value] : before) {
    if (now.count(key) == 0) remove(key, value);
  }
  for (const auto& [key, value] : now) {
    auto old = before.find(key);
    if (old == before.end() || !(old->second == value)) set(value);
  }
}

}  // namespace

std::vector<IpAddress> Store::AddressesOf(const ClusterPod& pod) const {
  if (pod.host_network) {
    if (!pod.status_addresses.empty()) return pod.status_addresses;
    auto node = cluster_.nodes.find(pod.node);
    return node == cluster_.nodes.end() ? std::vector<IpAddress>{} : node->second.addresses;
  }
  std::vector<IpAddress> reported = reported_.Of(pod.node, pod.uid, pod.FullName());
  std::erase_if(reported, [&](const IpAddress& address) { return !MayHave(pod.node, address); });
  return reported.empty() ? pod.status_addresses : reported;
}

// A node cannot give its pods addresses of others.
bool Store::MayHave(const std::string& node, const IpAddress& address) const {
  auto found = cluster_.nodes.find(node);
  if (found == cluster_.nodes.end() || found->second.pod_cidrs.empty()) return true;
  const std::vector<IpPrefix>& own = found->second.pod_cidrs;
  return std::any_of(own.begin(), own.end(), [&](const IpPrefix& cidr) { return cidr.Contains(address); });
}

std::vector<std::string> Store::RefusedAddresses() const {
  std::vector<std::string> refused;
  for (const auto& [uid, pod] : cluster_.pods) {
    if (pod.host_network) continue;
    for (const IpAddress& address : reported_.Of(pod.node, uid, pod.FullName())) {
      if (MayHave(pod.node, address)) continue;
      refused.push_back(absl::StrCat(address.ToString(), " of ", pod.FullName(),
                                     " is outside of the podCIDRs of Node ", pod.node));
    }
  }
  return refused;
}

Changes Store::SetObjects(const std::map<ObjectKey, Object>& objects) {
  Cluster before = std::exchange(cluster_, ResolveCluster(objects, started_with_, &cluster_));
  Changes changes;
  for (const auto& [name, node] : before.nodes) {
    if (cluster_.nodes.count(name) == 0) reported_.ForgetNode(name);
  }
  TakePods(before);
  TakePolicies(before);
  policies_.Commit(&changes);
  services_.Rebuild(cluster_, addresses_, &changes.everywhere);
  TakeNodes(&changes.everywhere);
  return changes;
}

void Store::TakeNodes(std::set<ResourceId>* changed) {
  std::set<ResourceId> gone;
  for (const Resources* resources : {&node_infos_, &configs_}) {
    for (const auto& [id, resource] : *resources) {
      if (!HasNode(id.name)) gone.insert(id);
    }
  }
  for (const ResourceId& id : gone) {
    DropResource(id, id.kind == ResourceKind::kNode ? &node_infos_ : &configs_, changed);
  }
  for (const auto& [name, node] : cluster_.nodes) {
    PutResource(MakeResource(name, NodeInfo{name, node.addresses, node.pod_cidrs}), &node_infos_, changed);
    // Find() gives a config to its own node only, wherever its change is announced.
    PutResource(MakeResource(name, NodeConfig{name, node.pod_cidrs, cluster_.settings}), &configs_, changed);
  }
}

void Store::TakePolicies(const Cluster& before) {
  ForDifferences(
      before.namespaces, cluster_.namespaces,
      [&](const policy::Namespace& set) { policies_.SetNamespace(set); },
      [&](const std::string& name, const policy::Namespace&) { policies_.RemoveNamespace(name); });
  ForDifferences(
      before.policies, cluster_.policies, [&](const policy::NetworkPolicy& set) { policies_.SetPolicy(set); },
      [&](const std::string&, const policy::NetworkPolicy& gone) { policies_.RemovePolicy(gone); });
}

void Store::TakePods(const Cluster& before) {
  std::map<std::string, std::vector<IpAddress>> addresses;
  node_pods_.clear();
  for (const auto& [uid, pod] : cluster_.pods) {
    node_pods_[pod.node].insert(uid);
    const std::vector<IpAddress>& now = addresses[uid] = AddressesOf(pod);
    auto old = before.pods.find(uid);
    if (old == before.pods.end() || !(old->second == pod) || addresses_[uid] != now)
      policies_.SetPod(pod, now);
  }
  for (const auto& [uid, pod] : before.pods) {
    if (cluster_.pods.count(uid) == 0) policies_.RemovePod(uid);
  }
  addresses_ = std::move(addresses);
}

Changes Store::TakeAddresses(const std::set<std::string>& pods) {
  Changes changes;
  for (const std::string& uid : pods) {
    auto pod = cluster_.pods.find(uid);
    if (pod == cluster_.pods.end()) continue;
    std::vector<IpAddress> now = AddressesOf(pod->second);
    std::vector<IpAddress>& place = addresses_[uid];
    if (place == now) continue;
    place = std::move(now);
    policies_.SetPod(pod->second, place);
    services_.SetAddresses(pod->second, place, &changes.everywhere);
  }
  policies_.Commit(&changes);
  return changes;
}

Changes Store::SetNodeEndpoints(const std::string& node, const std::vector<ReportedEndpoint>& endpoints) {
  return reported_.Replace(node, endpoints) ? TakeAddresses(node_pods_[node]) : Changes{};
}

Changes Store::ApplyReport(const std::string& node, const std::vector<ReportedEndpoint>& upserts,
                           const std::vector<ReportedEndpoint>& removals) {
  std::set<std::string> pods;
  bool unnamed = false;
  auto touch = [&](const ReportedEndpoint& endpoint) {
    pods.insert(endpoint.pod_uid);
    unnamed = unnamed || endpoint.pod_uid.empty();
  };
  for (const ReportedEndpoint& endpoint : removals) {
    if (reported_.Remove(node, endpoint)) touch(endpoint);
  }
  for (const ReportedEndpoint& endpoint : upserts) {
    if (reported_.Upsert(node, endpoint)) touch(endpoint);
  }
  if (pods.empty()) return {};
  // An agent that was not told a UID means a pod by its name, which may be any of the node's.
  return TakeAddresses(unnamed ? node_pods_[node] : pods);
}

ResourcePtr Store::Find(const std::string& node, const ResourceId& id) const {
  auto find = [&](const Resources& resources) {
    auto found = resources.find(id);
    return found == resources.end() ? nullptr : found->second;
  };
  switch (id.kind) {
    case ResourceKind::kNodeConfig:
      return id.name == node ? find(configs_) : nullptr;
    case ResourceKind::kNode:
      return find(node_infos_);
    case ResourceKind::kService:
      return find(services_.resources());
    case ResourceKind::kEndpoint:
    case ResourceKind::kAddressGroup:
    case ResourceKind::kPolicySet: {
      const Resources* own = policies_.Of(node);
      return own == nullptr || !HasNode(node) ? nullptr : find(*own);
    }
    case ResourceKind::kNone:
      break;
  }
  return nullptr;
}

void Store::ForEachOwn(const std::string& node, const std::function<void(const ResourcePtr&)>& visit) const {
  const Resources* own = policies_.Of(node);
  if (own == nullptr || !HasNode(node)) return;
  for (const auto& [id, resource] : *own) visit(resource);
}

void Store::ForEach(const std::string& node, const std::function<void(const ResourcePtr&)>& visit) const {
  if (ResourcePtr config = Find(node, {ResourceKind::kNodeConfig, node})) visit(config);
  for (const Resources* resources : {&node_infos_, &services_.resources(), policies_.Of(node)}) {
    if (resources == nullptr) continue;
    for (const auto& [id, resource] : *resources) visit(resource);
  }
}

}  // namespace fairlead::controller
