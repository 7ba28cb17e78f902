// Who is to hold which policy: endpoints, the sets that they point to, the groups that these
// mention, node by node. A node is sent what its own pods need and nothing else.
//
// Kept up to date object by object: a pod's new address costs the groups that it is in, not the
// cluster. Commit() publishes what was put in since the last one.
#pragma once

#include <map>
#include <set>
#include <string>

#include "controller/model/changes.h"
#include "controller/model/cluster.h"
#include "controller/model/resource.h"
#include "policy/incremental_compiler.h"

namespace fairlead::controller {

class PolicyView {
 public:
  void SetNamespace(const policy::Namespace& changed) { compiler_.UpsertNamespace(changed); }
  void RemoveNamespace(const std::string& name) { compiler_.RemoveNamespace(name); }
  void SetPolicy(const policy::NetworkPolicy& policy) { compiler_.UpsertPolicy(policy); }
  void RemovePolicy(const std::string& namespace_name, const std::string& name) {
    compiler_.RemovePolicy(namespace_name, name);
  }
  void SetPod(const ClusterPod& pod, const std::vector<IpAddress>& addresses);
  void RemovePod(const std::string& uid);

  void Commit(Changes* changes);

  // Endpoints, sets and groups of `node`; null: it is to hold none.
  const Resources* Of(const std::string& node) const;
  // Sets that do not fit, by name.
  struct Oversized {
    size_t rules = 0;  // that it would have
    std::vector<std::string> policies;
  };
  const std::map<std::string, Oversized>& oversized() const { return oversized_; }

 private:
  // An endpoint as some node holds it.
  struct Published {
    std::string node;
    std::set<std::string> sets;
  };
  struct NodeState {
    Resources resources;
    std::map<std::string, int> set_uses;    // by endpoints
    std::map<std::string, int> group_uses;  // by sets
  };

  void TakeSetsAndGroups(const policy::PolicyDelta& delta, Changes* changes);
  void Republish(const std::string& uid, Changes* changes);
  void UseSet(const std::string& node, const std::string& set, Changes* changes);
  void ReleaseSet(const std::string& node, const std::string& set, Changes* changes);

  policy::IncrementalCompiler compiler_;
  std::map<std::string, ClusterPod> pods_;  // by UID; those with a network of their own
  std::set<std::string> touched_;           // since the last Commit
  std::map<std::string, Published> published_;
  std::map<std::string, ResourcePtr> sets_;    // of the whole cluster
  std::map<std::string, ResourcePtr> groups_;  // of the whole cluster
  std::map<std::string, std::set<std::string>> group_nodes_;
  std::map<std::string, NodeState> nodes_;
  std::map<std::string, Oversized> oversized_;
};

}  // namespace fairlead::controller
