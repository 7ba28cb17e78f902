#include "controller/model/cluster.h"

#include "absl/strings/str_cat.h"

namespace fairlead::controller {
namespace {

void ResolveNamespaces(const Objects& objects, Cluster* cluster) {
  for (const auto& [key, object] : objects) {
    const std::string& name = key.kind == "Namespace" ? key.name : key.namespace_name;
    if (name.empty() || cluster->namespaces.count(name) > 0) continue;
    cluster->namespaces.emplace(name, NamespaceNamed(name, objects));
  }
}

}  // namespace

// One that no object states has the label that the API server gives to all.
policy::Namespace NamespaceNamed(const std::string& name, const Objects& objects) {
  policy::Namespace result;
  result.name = name;
  const auto stated = objects.find({"Namespace", "", name});
  if (stated == objects.end()) {
    result.labels["kubernetes.io/metadata.name"] = name;
  } else {
    result.labels = std::get<NamespaceObject>(stated->second.body).labels;
  }
  return result;
}

Cluster ResolveCluster(const Objects& objects, const ClusterSettings& started_with, const Cluster* before) {
  Cluster cluster;
  ResolveNodes(objects, before, &cluster);
  ResolveSettings(objects, started_with, &cluster);
  ResolveNamespaces(objects, &cluster);
  ResolvePods(objects, started_with, &cluster);
  ResolveServices(objects, started_with, before, &cluster);
  for (const auto& [key, object] : objects) {
    if (const auto* policy = std::get_if<policy::NetworkPolicy>(&object.body)) {
      cluster.policies.emplace(absl::StrCat(key.namespace_name, "/", key.name), *policy);
    }
  }
  return cluster;
}

std::vector<Rejection> Cluster::Rejections() const {
  std::vector<Rejection> all = node_rejections;
  all.insert(all.end(), pod_rejections.begin(), pod_rejections.end());
  all.insert(all.end(), service_rejections.begin(), service_rejections.end());
  return all;
}

std::vector<std::string> Cluster::UnplacedPods() const {
  std::vector<std::string> unplaced;
  for (const auto& [uid, pod] : pods) {
    if (pod.node.empty()) {
      // An API server's scheduler has not come to it yet.
      if (!settings.api_server) unplaced.push_back(absl::StrCat(pod.FullName(), " (no node takes it)"));
    } else if (nodes.count(pod.node) == 0) {
      unplaced.push_back(absl::StrCat(pod.FullName(), " (there is no Node ", pod.node, ")"));
    }
  }
  return unplaced;
}

}  // namespace fairlead::controller
