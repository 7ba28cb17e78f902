#include "controller/model/store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace fairlead::controller {
std::vector<IpAddress> Store::AddressesOf(const ClusterPod& pod) const {
  if (pod.host_network) {
    if (!pod.status_addresses.empty()) return pod.status_addresses;
    auto node = cluster().nodes.find(pod.node);
    return node == cluster().nodes.end() ? std::vector<IpAddress>{} : node->second.addresses;
  }
  std::vector<IpAddress> reported = reported_.Of(pod.node, pod.uid, pod.FullName());
  std::erase_if(reported, [&](const IpAddress& address) { return !MayHave(pod.node, address); });
  return reported.empty() ? pod.status_addresses : reported;
}

// A node cannot give its pods addresses of others.
bool Store::MayHave(const std::string& node, const IpAddress& address) const {
  auto found = cluster().nodes.find(node);
  if (found == cluster().nodes.end() || found->second.pod_cidrs.empty()) return true;
  const std::vector<IpPrefix>& own = found->second.pod_cidrs;
  return std::any_of(own.begin(), own.end(), [&](const IpPrefix& cidr) { return cidr.Contains(address); });
}

std::vector<std::string> Store::RefusedAddresses() const {
  std::vector<std::string> refused;
  for (const auto& [uid, pod] : cluster().pods) {
    if (pod.host_network) continue;
    for (const IpAddress& address : reported_.Of(pod.node, uid, pod.FullName())) {
      if (MayHave(pod.node, address)) continue;
      refused.push_back(absl::StrCat(address.ToString(), " of ", pod.FullName(),
                                     " is outside of the podCIDRs of Node ", pod.node));
    }
  }
  return refused;
}

Changes Store::Take(const ClusterChange& change) {
  Changes changes;
  for (const std::string& uid : change.pods) TakePod(uid, true);
  for (const std::string& node : change.nodes) {
    if (!HasNode(node)) reported_.ForgetNode(node);
    // What it may give its pods, and what the pods on its own network have.
    for (const std::string& uid : PodsOn(node)) TakePod(uid, false);
  }
  TakePolicies(change);
  policies_.Commit(&changes);
  for (const std::string& service : change.services) services_.Touch(service);
  services_.Commit(cluster(), &changes.everywhere);
  for (const std::string& node : change.nodes) TakeNode(node, &changes);
  if (change.settings) {
    for (const auto& [name, node] : cluster().nodes) TakeNode(name, &changes);
  }
  return changes;
}

void Store::TakeNode(const std::string& name, Changes* changes) {
  ChangedResources* own = &changes->nodes[name];
  const auto node = cluster().nodes.find(name);
  if (node == cluster().nodes.end()) {
    DropResource({ResourceKind::kNode, name}, &node_infos_, &changes->everywhere);
    DropResource({ResourceKind::kNodeConfig, name}, &configs_, own);
    return;
  }
  const NodeObject& object = node->second;
  PutResource(MakeResource(name, NodeInfo{name, object.addresses, object.pod_cidrs}), &node_infos_,
              &changes->everywhere);
  PutResource(MakeResource(name, NodeConfig{name, object.pod_cidrs, cluster().settings}), &configs_, own);
}

void Store::TakePolicies(const ClusterChange& change) {
  for (const std::string& name : change.namespaces) {
    const auto found = cluster().namespaces.find(name);
    found == cluster().namespaces.end() ? policies_.RemoveNamespace(name)
                                        : policies_.SetNamespace(found->second);
  }
  for (const std::string& name : change.policies) {
    const auto found = cluster().policies.find(name);
    if (found == cluster().policies.end()) {
      const size_t slash = name.find('/');
      policies_.RemovePolicy(name.substr(0, slash), name.substr(slash + 1));
    } else {
      policies_.SetPolicy(found->second);
    }
  }
}

void Store::Leave(const std::string& node, const std::string& uid) {
  const auto pods = node_pods_.find(node);
  pods->second.erase(uid);
  if (pods->second.empty()) node_pods_.erase(pods);
}

void Store::TakePod(const std::string& uid, bool differs) {
  // Where an API server says which Services a pod serves, they need not be looked for.
  const bool selects = !cluster().settings.api_server;
  const auto pod = cluster().pods.find(uid);
  if (pod == cluster().pods.end()) {
    const auto gone = places_.find(uid);
    if (gone == places_.end()) return;
    Leave(gone->second.node, uid);
    places_.erase(gone);
    policies_.RemovePod(uid);
    if (selects) services_.RemovePod(uid);
    return;
  }
  Place now{pod->second.node, AddressesOf(pod->second)};
  const auto [place, added] = places_.try_emplace(uid);
  if (!added && !differs && place->second.addresses == now.addresses) return;
  if (!added) Leave(place->second.node, uid);
  node_pods_[now.node].insert(uid);
  policies_.SetPod(pod->second, now.addresses);
  if (selects) services_.SetPod(pod->second, now.addresses);
  place->second = std::move(now);
}

std::set<std::string> Store::PodsOn(const std::string& node) const {
  const auto found = node_pods_.find(node);
  return found == node_pods_.end() ? std::set<std::string>{} : found->second;
}

Changes Store::TakeAddresses(const std::set<std::string>& pods) {
  Changes changes;
  for (const std::string& uid : pods) TakePod(uid, false);
  policies_.Commit(&changes);
  services_.Commit(cluster(), &changes.everywhere);
  return changes;
}

Changes Store::SetNodeEndpoints(const std::string& node, const std::vector<ReportedEndpoint>& endpoints) {
  return reported_.Replace(node, endpoints) ? TakeAddresses(PodsOn(node)) : Changes{};
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
  return TakeAddresses(unnamed ? PodsOn(node) : pods);
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
