// What every node is to hold, and which resources a change touches. Owns no thread: one thread
// calls it, and everything it returns is a value or immutable.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "controller/model/changes.h"
#include "controller/model/live_cluster.h"
#include "controller/model/pod_addresses.h"
#include "controller/model/policy_view.h"
#include "controller/model/resource.h"
#include "controller/model/service_view.h"

namespace fairlead::controller {

class Store {
 public:
  // `started_with`: what holds where no FairleadConfig says something else.
  explicit Store(ClusterSettings started_with) : live_(std::move(started_with)) {}

  // All that are in force.
  Changes SetObjects(const Objects& objects, const TouchedObjects& touched = std::nullopt) {
    return Take(live_.Take(objects, touched));
  }
  // From an agent's Hello: everything that lives on the node.
  Changes SetNodeEndpoints(const std::string& node, const std::vector<ReportedEndpoint>& endpoints);
  // From an agent's Report.
  Changes ApplyReport(const std::string& node, const std::vector<ReportedEndpoint>& upserts,
                      const std::vector<ReportedEndpoint>& removals);

  // What its agent has reported.
  std::vector<ReportedEndpoint> ReportedOn(const std::string& node) const { return reported_.On(node); }

  // Null: the node is not to hold it.
  ResourcePtr Find(const std::string& node, const ResourceId& id) const;
  // Of what the node is to hold, what others need not: its endpoints, their sets, and these sets' groups.
  void ForEachOwn(const std::string& node, const std::function<void(const ResourcePtr&)>& visit) const;
  // Every resource that the node is to hold.
  void ForEach(const std::string& node, const std::function<void(const ResourcePtr&)>& visit) const;

  bool HasNode(const std::string& node) const { return cluster().nodes.count(node) > 0; }
  const Cluster& cluster() const { return live_.cluster(); }
  // Sets with more rules than a node takes, by name.
  const std::map<std::string, PolicyView::Oversized>& oversized_sets() const { return policies_.oversized(); }
  // Addresses that nodes reported and that count for nothing, with the reason, for people.
  std::vector<std::string> RefusedAddresses() const;
  // The addresses that a pod has now: what its node reported, or what its manifest's status says.
  std::vector<IpAddress> AddressesOf(const ClusterPod& pod) const;

 private:
  // Of a pod, as the views have it.
  struct Place {
    std::string node;
    std::vector<IpAddress> addresses;
  };

  bool MayHave(const std::string& node, const IpAddress& address) const;
  Changes Take(const ClusterChange& change);
  void TakeNode(const std::string& name, Changes* changes);
  void TakePolicies(const ClusterChange& change);
  // `differs`: in something else than its addresses, which are looked at anyway.
  void TakePod(const std::string& uid, bool differs);
  void Leave(const std::string& node, const std::string& uid);
  // Addresses of these pods, by UID, may be others now.
  Changes TakeAddresses(const std::set<std::string>& pods);
  std::set<std::string> PodsOn(const std::string& node) const;

  LiveCluster live_;
  PodAddresses reported_;
  std::map<std::string, Place> places_;                     // by UID
  std::map<std::string, std::set<std::string>> node_pods_;  // UIDs
  Resources node_infos_;                                    // the same for every node
  Resources configs_;                                       // one for each node
  ServiceView services_;
  PolicyView policies_;
};

}  // namespace fairlead::controller
