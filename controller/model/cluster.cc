#include "controller/model/cluster.h"

#include "absl/strings/str_cat.h"

namespace fairlead::controller {
namespace {

void ResolveNamespaces(const std::map<ObjectKey, Object>& objects, Cluster* cluster) {
  for (const auto& [key, object] : objects) {
    const std::string& name = key.kind == "Namespace" ? key.name : key.namespace_name;
    if (name.empty()) continue;
    policy::Namespace& result = cluster->namespaces[name];
    result.name = name;
    result.labels["kubernetes.io/metadata.name"] = name;
    if (const auto* stated = std::get_if<NamespaceObject>(&object.body)) result.labels = stated->labels;
  }
}

}  // namespace

Cluster ResolveCluster(const std::map<ObjectKey, Object>& objects, const ClusterSettings& started_with,
                       const Cluster* before) {
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

}  // namespace fairlead::controller
