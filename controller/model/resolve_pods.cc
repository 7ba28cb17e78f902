#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/model/cluster.h"
#include "controller/model/content_hash.h"
#include "controller/model/placement.h"

namespace fairlead::controller {
namespace {

void AddStrings(ContentHash& hash, const std::vector<std::string>& strings) {
  hash.Add(strings.size());
  for (const std::string& text : strings) hash.Add(text);
}

// What a pod has to be started anew for: another place, another network, other containers.
std::string UidOf(const ClusterPod& pod) {
  ContentHash hash;
  hash.Add(pod.namespace_name).Add(pod.name).Add(pod.owner).Add(pod.node);
  hash.Add(static_cast<uint64_t>(pod.host_network)).Add(pod.containers.size());
  for (const Container& container : pod.containers) {
    hash.Add(container.name).Add(container.image).Add(container.working_dir);
    AddStrings(hash, container.command);
    AddStrings(hash, container.args);
    hash.Add(container.env.size());
    for (const auto& [name, value] : container.env) hash.Add(name).Add(value);
    hash.Add(container.ports.size());
    for (const ContainerPort& port : container.ports) {
      hash.Add(port.name).Add(static_cast<uint64_t>(port.protocol)).Add(uint64_t{port.number});
      hash.Add(uint64_t{port.host_port}).Add(port.host_ip);
    }
  }
  return hash.Uuid();
}

ClusterPod FromSpec(const ObjectKey& key, const std::string& name, const PodSpec& spec,
                    const policy::Labels& labels) {
  ClusterPod pod;
  pod.namespace_name = key.namespace_name;
  pod.name = name;
  pod.node = spec.node_name;
  pod.labels = labels;
  pod.host_network = spec.host_network;
  pod.containers = spec.containers;
  return pod;
}

class PodResolver {
 public:
  PodResolver(bool places, Cluster* cluster) : places_(places), cluster_(*cluster) {}

  void AddBare(const Object& object, const PodObject& stated) {
    ClusterPod pod = BarePod(object.key, stated);
    if (pod.node.empty() && places_) Place(stated.spec, object.key.ToString(), 0, &pod);
    Add(object, std::move(pod));
  }

  void AddWorkload(const Object& object, const WorkloadObject& workload) {
    const std::string workload_name = object.key.ToString();
    std::vector<std::pair<std::string, std::string>> pods;  // name, node
    const std::vector<std::string> nodes =
        NodesInOrder(workload_name, workload.spec.node_selector, cluster_.nodes);
    if (workload.one_per_node) {
      for (const std::string& node : nodes) pods.emplace_back(absl::StrCat(object.key.name, "-", node), node);
    } else {
      for (int i = 0; i < workload.replicas; ++i) {
        std::string node = workload.spec.node_name;
        if (node.empty() && !nodes.empty()) node = nodes[i % nodes.size()];
        pods.emplace_back(absl::StrCat(object.key.name, "-", workload.first_ordinal + i), node);
      }
    }
    for (const auto& [name, node] : pods) {
      ClusterPod pod = FromSpec(object.key, name, workload.spec, workload.pod_labels);
      pod.owner = absl::StrCat(object.key.kind, "/", object.key.name);
      pod.node = node;
      Add(object, std::move(pod));
    }
  }

 private:
  void Place(const PodSpec& spec, const std::string& workload, int ordinal, ClusterPod* pod) {
    const std::vector<std::string> nodes = NodesInOrder(workload, spec.node_selector, cluster_.nodes);
    if (!nodes.empty()) pod->node = nodes[ordinal % nodes.size()];
  }

  void Add(const Object& object, ClusterPod pod) {
    if (!names_.insert(pod.FullName()).second) {
      cluster_.pod_rejections.push_back(
          {object.key.ToString(), object.where,
           absl::StrCat("its pod ", pod.FullName(), " exists already; rename one")});
      return;
    }
    if (pod.uid.empty()) pod.uid = UidOf(pod);
    std::string uid = pod.uid;
    if (!cluster_.pods.emplace(uid, std::move(pod)).second) {
      cluster_.pod_rejections.push_back(
          {object.key.ToString(), object.where,
           absl::StrCat("metadata.uid: ", uid, " belongs to another pod; remove it")});
    }
  }

  bool places_;  // pods that name no node; otherwise they wait for the scheduler
  Cluster& cluster_;
  std::set<std::string> names_;
};

}  // namespace

ClusterPod BarePod(const ObjectKey& key, const PodObject& stated) {
  ClusterPod pod = FromSpec(key, key.name, stated.spec, stated.labels);
  pod.uid = stated.uid;
  pod.status_addresses = stated.status_addresses;
  pod.terminated = stated.terminated;
  pod.terminating = stated.terminating;
  pod.says_unready = stated.says_unready;
  return pod;
}

void ResolvePods(const Objects& objects, const ClusterSettings& settings, Cluster* cluster) {
  PodResolver resolver(!settings.api_server, cluster);
  // Bare pods come first: a pod of a template never takes the name of one that is written down.
  for (const auto& [key, object] : objects) {
    if (const auto* pod = std::get_if<PodObject>(&object.body)) resolver.AddBare(object, *pod);
  }
  for (const auto& [key, object] : objects) {
    if (const auto* workload = std::get_if<WorkloadObject>(&object.body))
      resolver.AddWorkload(object, *workload);
  }
}

}  // namespace fairlead::controller
