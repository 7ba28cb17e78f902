// Services with their backends, kept up to date pod by pod: a pod's new address costs the Services
// that select it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "controller/model/backends.h"
#include "controller/model/changes.h"
#include "controller/model/cluster.h"

namespace fairlead::controller {

class ServiceView {
 public:
  // Everything anew. `cluster` must stay until the next Rebuild.
  void Rebuild(const Cluster& cluster, const std::map<std::string, std::vector<IpAddress>>& addresses,
               std::set<ResourceId>* changed);
  void SetAddresses(const ClusterPod& pod, const std::vector<IpAddress>& addresses,
                    std::set<ResourceId>* changed);

  const Resources& resources() const { return resources_; }

 private:
  using LabelKey = std::tuple<std::string, std::string, std::string>;  // namespace, key, value

  // The label of a Service's selector that the fewest pods carry.
  LabelKey RarestLabel(const ClusterService& service) const;
  ResourcePtr Make(const std::string& name, const ClusterService& service) const;

  std::map<std::string, LivePod> pods_;                 // by UID
  std::map<LabelKey, std::set<std::string>> labelled_;  // UIDs
  // Services by one label of their selector, which their pods all carry.
  std::map<LabelKey, std::vector<std::pair<std::string, const ClusterService*>>> selecting_;
  Resources resources_;
};

}  // namespace fairlead::controller
