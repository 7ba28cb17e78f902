#include "controller/model/store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/model/backends.h"
#include "policy/compiler.h"

namespace fairlead::controller {
namespace {

using Resources = std::map<ResourceId, ResourcePtr>;

// Takes the old pointer where the content is the same, so that what is unchanged is shared.
void KeepUnchanged(const Resources& before, Resources* now, std::set<ResourceId>* changed) {
  for (auto& [id, resource] : *now) {
    auto old = before.find(id);
    if (old != before.end() && old->second->version == resource->version) {
      resource = old->second;
    } else {
      changed->insert(id);
    }
  }
  for (const auto& [id, resource] : before) {
    if (now->count(id) == 0) changed->insert(id);
  }
}

std::vector<policy::NamedPort> NamedPortsOf(const ClusterPod& pod) {
  std::vector<policy::NamedPort> ports;
  for (const Container& container : pod.containers) {
    for (const ContainerPort& port : container.ports) {
      if (!port.name.empty()) ports.push_back({port.name, port.protocol, port.number});
    }
  }
  return ports;
}

}  // namespace

std::vector<IpAddress> Store::AddressesOf(const ClusterPod& pod) const {
  if (pod.host_network) {
    if (!pod.status_addresses.empty()) return pod.status_addresses;
    auto node = cluster_.nodes.find(pod.node);
    return node == cluster_.nodes.end() ? std::vector<IpAddress>{} : node->second.addresses;
  }
  std::vector<IpAddress> reported = reported_.Of(pod.node, pod.uid, pod.FullName());
  auto node = cluster_.nodes.find(pod.node);
  if (node != cluster_.nodes.end() && !node->second.pod_cidrs.empty()) {
    // A node cannot give its pods addresses of others.
    const std::vector<IpPrefix>& own = node->second.pod_cidrs;
    std::erase_if(reported, [&](const IpAddress& address) {
      return std::none_of(own.begin(), own.end(),
                          [&](const IpPrefix& cidr) { return cidr.Contains(address); });
    });
  }
  return reported.empty() ? pod.status_addresses : reported;
}

Changes Store::SetObjects(const std::map<ObjectKey, Object>& objects) {
  cluster_ = ResolveCluster(objects, settings_, &cluster_);
  return Refresh();
}

Changes Store::SetNodeEndpoints(const std::string& node, const std::vector<ReportedEndpoint>& endpoints) {
  return reported_.Replace(node, endpoints) ? Refresh() : Changes{};
}

Changes Store::ApplyReport(const std::string& node, const std::vector<ReportedEndpoint>& upserts,
                           const std::vector<ReportedEndpoint>& removals) {
  bool changed = false;
  for (const ReportedEndpoint& endpoint : removals) changed = reported_.Remove(node, endpoint) || changed;
  for (const ReportedEndpoint& endpoint : upserts) changed = reported_.Upsert(node, endpoint) || changed;
  return changed ? Refresh() : Changes{};
}

Resources Store::SharedResources() const {
  Resources resources;
  auto add = [&](const std::string& name, Body body) {
    ResourcePtr resource = MakeResource(name, std::move(body));
    resources.emplace(resource->id, resource);
  };
  for (const auto& [name, node] : cluster_.nodes) add(name, NodeInfo{name, node.addresses, node.pod_cidrs});
  std::map<std::string, std::vector<LivePod>> pods;  // by namespace
  for (const auto& [uid, pod] : cluster_.pods) pods[pod.namespace_name].push_back({&pod, AddressesOf(pod)});
  for (const auto& [name, service] : cluster_.services) {
    // Headless Services have no address that the datapath could answer for.
    if (!service.object.headless) add(name, ServiceWithBackends(service, pods[service.namespace_name]));
  }
  return resources;
}

std::map<std::string, Resources> Store::NodeResources() const {
  policy::Cluster cluster;
  cluster.namespaces = cluster_.namespaces;
  cluster.policies = cluster_.policies;
  for (const auto& [uid, pod] : cluster_.pods) {
    cluster.pods.emplace(
        uid, policy::Pod{uid, pod.namespace_name, pod.name, pod.node, pod.labels, AddressesOf(pod),
                         NamedPortsOf(pod), pod.host_network, pod.terminated});
  }
  policy::CompiledPolicy compiled = policy::Compile(cluster);

  Resources policies;  // sets and groups of the whole cluster
  auto add = [](Resources* to, const std::string& name, Body body) {
    ResourcePtr resource = MakeResource(name, std::move(body));
    to->emplace(resource->id, resource);
  };
  for (auto& [name, set] : compiled.sets) add(&policies, name, set);
  for (auto& [name, group] : compiled.groups) add(&policies, name, group);

  std::map<std::string, Resources> nodes;
  for (const auto& [name, node] : cluster_.nodes) {
    Resources& resources = nodes[name];
    add(&resources, name, NodeConfig{name, node.pod_cidrs, settings_});
    policy::NodeSpan span = policy::SpanOf(compiled, cluster, name);
    for (const std::string& uid : span.pods) {
      const ClusterPod& pod = cluster_.pods.at(uid);
      const policy::PodPolicy& pod_policy = compiled.pods.at(uid);
      add(&resources, uid,
          Endpoint{uid, pod.namespace_name, pod.name, pod_policy.ingress_set, pod_policy.egress_set,
                   pod.owner});
    }
    for (const std::string& set : span.sets)
      resources.insert(*policies.find({ResourceKind::kPolicySet, set}));
    for (const std::string& group : span.groups)
      resources.insert(*policies.find({ResourceKind::kAddressGroup, group}));
  }
  return nodes;
}

Changes Store::Refresh() {
  Changes changes;
  Resources shared = SharedResources();
  KeepUnchanged(shared_, &shared, &changes.everywhere);
  shared_ = std::move(shared);

  std::map<std::string, Resources> nodes = NodeResources();
  for (auto& [name, resources] : nodes) {
    std::set<ResourceId> changed;
    KeepUnchanged(nodes_[name], &resources, &changed);
    if (!changed.empty()) changes.nodes[name] = std::move(changed);
  }
  for (const auto& [name, resources] : nodes_) {
    if (nodes.count(name) > 0) continue;
    for (const auto& [id, resource] : resources) changes.nodes[name].insert(id);
    reported_.ForgetNode(name);
  }
  nodes_ = std::move(nodes);
  return changes;
}

ResourcePtr Store::Find(const std::string& node, const ResourceId& id) const {
  auto shared = shared_.find(id);
  if (shared != shared_.end()) return shared->second;
  auto resources = nodes_.find(node);
  if (resources == nodes_.end()) return nullptr;
  auto own = resources->second.find(id);
  return own == resources->second.end() ? nullptr : own->second;
}

void Store::ForEach(const std::string& node, const std::function<void(const ResourcePtr&)>& visit) const {
  for (const auto& [id, resource] : shared_) visit(resource);
  auto resources = nodes_.find(node);
  if (resources == nodes_.end()) return;
  for (const auto& [id, resource] : resources->second) visit(resource);
}

}  // namespace fairlead::controller
