// What every node is to hold, and which resources a change touches. Owns no thread: one thread
// calls it, and everything it returns is a value or immutable.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "controller/model/cluster.h"
#include "controller/model/pod_addresses.h"
#include "controller/model/resource.h"
#include "policy/compiled.h"

namespace fairlead::controller {

// Ids of resources whose version is another now, or that came or went.
struct Changes {
  std::set<ResourceId> everywhere;                    // Nodes, Services
  std::map<std::string, std::set<ResourceId>> nodes;  // the others, for each node concerned

  bool empty() const { return everywhere.empty() && nodes.empty(); }
};

class Store {
 public:
  explicit Store(ClusterSettings settings) : settings_(std::move(settings)) {}

  Changes SetObjects(const std::map<ObjectKey, Object>& objects);
  // From an agent's Hello: everything that lives on the node.
  Changes SetNodeEndpoints(const std::string& node, const std::vector<ReportedEndpoint>& endpoints);
  // From an agent's Report.
  Changes ApplyReport(const std::string& node, const std::vector<ReportedEndpoint>& upserts,
                      const std::vector<ReportedEndpoint>& removals);

  // Null: the node is not to hold it.
  ResourcePtr Find(const std::string& node, const ResourceId& id) const;
  // Every resource that the node is to hold.
  void ForEach(const std::string& node, const std::function<void(const ResourcePtr&)>& visit) const;

  bool HasNode(const std::string& node) const { return cluster_.nodes.count(node) > 0; }
  const Cluster& cluster() const { return cluster_; }
  // The addresses that a pod has now: what its node reported, or what its manifest's status says.
  std::vector<IpAddress> AddressesOf(const ClusterPod& pod) const;

 private:
  using Resources = std::map<ResourceId, ResourcePtr>;

  Changes Refresh();
  Resources SharedResources() const;
  std::map<std::string, Resources> NodeResources() const;

  ClusterSettings settings_;
  Cluster cluster_;
  PodAddresses reported_;
  Resources shared_;  // the same for every node
  std::map<std::string, Resources> nodes_;
};

}  // namespace fairlead::controller
