// Services with their backends, kept up to date one by one: a pod's new address costs the Services that
// select it. Commit() makes what was put in since the last one.
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
  // Only for Services with a selector.
  void SetPod(const ClusterPod& pod, const std::vector<IpAddress>& addresses);
  void RemovePod(const std::string& uid);
  // Itself or its EndpointSlices; in `cluster` until the next Commit, or gone.
  void Touch(const std::string& service) { touched_.insert(service); }

  // `cluster` has the pods and Services that were put in and not removed.
  void Commit(const Cluster& cluster, ChangedResources* changed);

  const Resources& resources() const { return resources_; }

 private:
  using LabelKey = std::tuple<std::string, std::string, std::string>;  // namespace, key, value
  struct Pod {
    std::set<LabelKey> labels;
    std::vector<IpAddress> addresses;
  };

  // The label of a Service's selector that the fewest pods carry.
  LabelKey RarestLabel(const ClusterService& service) const;
  void TouchSelecting(const Pod& pod);
  // Under which label its pods are to be looked for.
  void Select(const std::string& name, const ClusterService* service);
  ResourcePtr Make(const std::string& name, const ClusterService& service, const Cluster& cluster) const;

  std::map<std::string, Pod> pods_;                     // by UID
  std::map<LabelKey, std::set<std::string>> labelled_;  // UIDs
  // Services by one label of their selector, which their pods all carry.
  std::map<LabelKey, std::set<std::string>> selecting_;
  std::map<std::string, LabelKey> selected_by_;
  std::set<std::string> touched_;
  Resources resources_;
};

}  // namespace fairlead::controller
