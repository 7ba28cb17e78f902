// The cluster as it is now, and what a change of the objects changes in it.
//
// An API server has decided where pods run and which addresses Services have, so that an object of it is
// taken in by itself: a change costs what has changed, not the cluster. Where objects contradict each other,
// and with manifests, which leave such decisions to us, everything is resolved anew.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "controller/model/cluster.h"
#include "controller/model/service_allocator.h"

namespace fairlead::controller {

// Objects that may differ from those before; nothing: any of them.
using TouchedObjects = std::optional<std::set<ObjectKey>>;

// Keys of what came, went or may differ, as `Cluster` has them.
struct ClusterChange {
  std::set<std::string> nodes, namespaces, pods, services, policies;
  bool settings = false;
};

class LiveCluster {
 public:
  // `started_with`: what holds where no FairleadConfig says something else.
  explicit LiveCluster(ClusterSettings started_with)
      : started_with_(std::move(started_with)), claims_(started_with_) {
    cluster_.settings = started_with_;
  }
  LiveCluster(const LiveCluster&) = delete;
  LiveCluster& operator=(const LiveCluster&) = delete;

  const Cluster& cluster() const { return cluster_; }

  // `objects`: all that are in force.
  ClusterChange Take(const Objects& objects, const TouchedObjects& touched) {
    return touched ? TakeTouched(objects, *touched) : TakeAll(objects);
  }

 private:
  ClusterChange TakeAll(const Objects& objects);
  ClusterChange TakeTouched(const Objects& objects, const std::set<ObjectKey>& touched);
  // False: the object has to be seen together with all others.
  bool TakeOne(const ObjectKey& key, const Objects& objects, ClusterChange* change);
  bool TakePod(const ObjectKey& key, const PodObject* pod, ClusterChange* change);
  bool TakeService(const ObjectKey& key, const ServiceObject* service, ClusterChange* change);
  void TakeSlice(const ObjectKey& key, const EndpointSliceObject* slice, ClusterChange* change);
  void TakePolicy(const ObjectKey& key, const policy::NetworkPolicy* policy, ClusterChange* change);
  void TakeNamespace(const std::string& name, const Objects& objects, ClusterChange* change);
  void TakeNodesAndSettings(const Objects& objects, ClusterChange* change);
  void Index();

  ClusterSettings started_with_;
  Cluster cluster_;
  // Of what comes from an API server.
  absl::flat_hash_map<std::string, std::string> uids_;            // of pods, by "namespace/name"
  absl::flat_hash_map<std::string, std::string> slice_services_;  // "namespace/name", by the slice's
  ServiceAllocator claims_;                                       // of Services in force
};

}  // namespace fairlead::controller
