#include "tests/datapath/node_pods.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "policy/compiler.h"

namespace fairlead::datapath {
namespace {

std::string KeyOf(const policy::Pod& pod) {
  std::string key = pod.uid;
  for (const IpAddress& address : pod.addresses) absl::StrAppend(&key, "/", address.ToString());
  return key;
}

// Pods that live here, by the key of their endpoint.
std::map<std::string, const policy::Pod*> PodsHere(const policy::Cluster& cluster,
                                                   const std::set<std::string>& uids) {
  std::map<std::string, const policy::Pod*> here;
  std::set<IpAddress> taken;
  for (const std::string& uid : uids) {
    const policy::Pod& pod = cluster.pods.at(uid);
    if (pod.terminated || pod.addresses.empty()) continue;
    const bool conflict = std::any_of(pod.addresses.begin(), pod.addresses.end(),
                                      [&](const IpAddress& address) { return taken.contains(address); });
    if (conflict) continue;
    taken.insert(pod.addresses.begin(), pod.addresses.end());
    here[KeyOf(pod)] = &pod;
  }
  return here;
}

}  // namespace

NodePods::NodePods(std::vector<PodDevice> devices) : devices_(std::move(devices)) {}

DesiredState NodePods::Desired(const policy::Cluster& cluster, const policy::CompiledPolicy& compiled,
                               const std::set<std::string>& nodes) {
  policy::NodeSpan span;
  for (const std::string& node : nodes) {
    policy::NodeSpan more = policy::SpanOf(compiled, cluster, node);
    span.pods.merge(more.pods);
    span.sets.merge(more.sets);
    span.groups.merge(more.groups);
  }
  DesiredState desired;
  desired.complete = true;
  desired.settings.node = "here";
  desired.settings.node_addresses = {*IpAddress::Parse("172.31.9.1"), *IpAddress::Parse("fd00:172:31:9::1")};
  for (const std::string& name : span.sets) desired.sets[name] = compiled.sets.at(name);
  for (const std::string& name : span.groups) desired.groups[name] = compiled.groups.at(name);

  const std::map<std::string, const policy::Pod*> here = PodsHere(cluster, span.pods);
  std::erase_if(sandboxes_, [&](const auto& sandbox) { return !here.contains(sandbox.first); });
  std::set<size_t> used;
  for (const auto& [key, sandbox] : sandboxes_) used.insert(sandbox.device);
  for (const auto& [key, pod] : here) {
    const auto [it, added] = sandboxes_.try_emplace(key);
    if (added) {
      while (used.contains(it->second.device)) ++it->second.device;
      used.insert(it->second.device);
      it->second.generation = ++generations_;
    }
    const PodDevice& device = devices_.at(it->second.device);
    LocalEndpoint endpoint{.key = key,
                           .pod_uid = pod->uid,
                           .namespace_name = pod->namespace_name,
                           .pod_name = pod->name,
                           .generation = it->second.generation,
                           .ifindex = device.ifindex,
                           .host_interface = absl::StrCat("flp", it->second.device),
                           .mac = device.mac,
                           .host_mac = device.host_mac,
                           .addresses = pod->addresses,
                           .policy_known = true};
    const policy::PodPolicy& pod_policy = compiled.pods.at(pod->uid);
    endpoint.ingress_set = pod_policy.ingress_set;
    endpoint.egress_set = pod_policy.egress_set;
    desired.endpoints[key] = std::move(endpoint);
  }
  return desired;
}

const LocalEndpoint* EndpointAt(const DesiredState& desired, const IpAddress& address) {
  for (const auto& [key, endpoint] : desired.endpoints) {
    const auto& own = endpoint.addresses;
    if (std::find(own.begin(), own.end(), address) != own.end()) return &endpoint;
  }
  return nullptr;
}

}  // namespace fairlead::datapath
