#include "controller/model/live_cluster.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace fairlead::controller {
namespace {

std::string FullName(const ObjectKey& key) {
  return absl::StrCat(key.namespace_name, "/", key.name);
}

// Makes `*into` what `fresh` is; what is the same stays where it is.
template <typename Map>
void Merge(Map fresh, Map* into, std::set<std::string>* changed) {
  std::erase_if(*into, [&](const auto& entry) {
    if (fresh.count(entry.first) > 0) return false;
    changed->insert(entry.first);
    return true;
  });
  for (auto& [key, value] : fresh) {
    const auto [place, added] = into->try_emplace(key);
    if (!added && place->second == value) continue;
    place->second = std::move(value);
    changed->insert(key);
  }
}

// Is there an object in the namespace, of any kind?
bool AnyIn(const std::string& namespace_name, const Objects& objects) {
  for (auto at = objects.begin(); at != objects.end();) {
    const std::string& kind = at->first.kind;
    const auto found = objects.lower_bound({kind, namespace_name, ""});
    if (found != objects.end() && found->first.kind == kind && found->first.namespace_name == namespace_name)
      return true;
    at = objects.lower_bound({kind + '\0', "", ""});  // the next kind
  }
  return false;
}

template <typename Body>
const Body* Find(const ObjectKey& key, const Objects& objects) {
  const auto found = objects.find(key);
  return found == objects.end() ? nullptr : std::get_if<Body>(&found->second.body);
}

}  // namespace

ClusterChange LiveCluster::TakeAll(const Objects& objects) {
  Cluster fresh = ResolveCluster(objects, started_with_, &cluster_);
  ClusterChange change;
  change.settings = !(fresh.settings == cluster_.settings);
  cluster_.settings = std::move(fresh.settings);
  Merge(std::move(fresh.nodes), &cluster_.nodes, &change.nodes);
  Merge(std::move(fresh.namespaces), &cluster_.namespaces, &change.namespaces);
  Merge(std::move(fresh.pods), &cluster_.pods, &change.pods);
  Merge(std::move(fresh.services), &cluster_.services, &change.services);
  Merge(std::move(fresh.slices), &cluster_.slices, &change.services);
  Merge(std::move(fresh.policies), &cluster_.policies, &change.policies);
  cluster_.node_rejections = std::move(fresh.node_rejections);
  cluster_.pod_rejections = std::move(fresh.pod_rejections);
  cluster_.service_rejections = std::move(fresh.service_rejections);
  cluster_.remarks = std::move(fresh.remarks);
  if (started_with_.api_server) Index();
  return change;
}

void LiveCluster::Index() {
  uids_.clear();
  for (const auto& [uid, pod] : cluster_.pods) uids_[pod.FullName()] = uid;
  slice_services_.clear();
  for (const auto& [service, slices] : cluster_.slices) {
    const std::string namespace_name = service.substr(0, service.find('/'));
    for (const auto& [name, slice] : slices) slice_services_[FullName({"", namespace_name, name})] = service;
  }
  claims_ = ServiceAllocator(started_with_);
  for (const auto& [name, service] : cluster_.services) ClaimStated(service, &claims_);
}

ClusterChange LiveCluster::TakeTouched(const Objects& objects, const std::set<ObjectKey>& touched) {
  ClusterChange change;
  bool nodes = false;
  for (const ObjectKey& key : touched) {
    if (key.kind == "Node" || key.kind == kConfigKind) {
      nodes = true;
      continue;
    }
    if (started_with_.api_server && TakeOne(key, objects, &change)) continue;
    ClusterChange all = TakeAll(objects);
    for (auto member : {&ClusterChange::nodes, &ClusterChange::namespaces, &ClusterChange::pods,
                        &ClusterChange::services, &ClusterChange::policies}) {
      (all.*member).merge(change.*member);
    }
    return all;
  }
  if (nodes && !started_with_.api_server) return TakeAll(objects);
  if (nodes) TakeNodesAndSettings(objects, &change);
  return change;
}

void LiveCluster::TakeNodesAndSettings(const Objects& objects, ClusterChange* change) {
  Cluster fresh;
  ResolveNodes(objects, &cluster_, &fresh);
  ResolveSettings(objects, started_with_, &fresh);
  change->settings = !(fresh.settings == cluster_.settings);
  cluster_.settings = std::move(fresh.settings);
  cluster_.remarks = std::move(fresh.remarks);
  Merge(std::move(fresh.nodes), &cluster_.nodes, &change->nodes);
  cluster_.node_rejections = std::move(fresh.node_rejections);
}

bool LiveCluster::TakeOne(const ObjectKey& key, const Objects& objects, ClusterChange* change) {
  TakeNamespace(key.kind == "Namespace" ? key.name : key.namespace_name, objects, change);
  if (key.kind == "Namespace") return true;
  if (key.kind == "Pod") return TakePod(key, Find<PodObject>(key, objects), change);
  if (key.kind == "Service") return TakeService(key, Find<ServiceObject>(key, objects), change);
  if (key.kind == "EndpointSlice") {
    TakeSlice(key, Find<EndpointSliceObject>(key, objects), change);
    return true;
  }
  if (key.kind == "NetworkPolicy") {
    TakePolicy(key, Find<policy::NetworkPolicy>(key, objects), change);
    return true;
  }
  return false;
}

void LiveCluster::TakeNamespace(const std::string& name, const Objects& objects, ClusterChange* change) {
  const auto place = cluster_.namespaces.find(name);
  if (objects.count({"Namespace", "", name}) == 0 && !AnyIn(name, objects)) {
    if (place == cluster_.namespaces.end()) return;
    cluster_.namespaces.erase(place);
  } else {
    policy::Namespace now = NamespaceNamed(name, objects);
    if (place != cluster_.namespaces.end() && place->second == now) return;
    cluster_.namespaces[name] = std::move(now);
  }
  change->namespaces.insert(name);
}

bool LiveCluster::TakePod(const ObjectKey& key, const PodObject* pod, ClusterChange* change) {
  if (!cluster_.pod_rejections.empty() || (pod != nullptr && pod->uid.empty())) return false;
  const std::string name = FullName(key);
  const auto known = uids_.find(name);
  // Another pod of the same name has another UID.
  if (known != uids_.end() && (pod == nullptr || pod->uid != known->second)) {
    cluster_.pods.erase(known->second);
    change->pods.insert(known->second);
    uids_.erase(known);
  }
  if (pod == nullptr) return true;
  const auto [place, added] = cluster_.pods.try_emplace(pod->uid);
  if (!added && place->second.FullName() != name) return false;
  place->second = BarePod(key, *pod);
  uids_[name] = pod->uid;
  change->pods.insert(pod->uid);
  return true;
}

bool LiveCluster::TakeService(const ObjectKey& key, const ServiceObject* service, ClusterChange* change) {
  if (!cluster_.service_rejections.empty()) return false;
  const std::string name = FullName(key);
  if (const auto place = cluster_.services.find(name); place != cluster_.services.end()) {
    ReleaseStated(place->second, &claims_);
    change->services.insert(name);
  }
  if (service == nullptr || service->type == ServiceType::kExternalName) {
    cluster_.services.erase(name);
    return true;
  }
  ClusterService now = StatedService(key, *service, started_with_);
  // The last good version is still there to go on with.
  if (!ClaimStated(now, &claims_).empty()) return false;
  cluster_.services[name] = std::move(now);
  change->services.insert(name);
  return true;
}

void LiveCluster::TakeSlice(const ObjectKey& key, const EndpointSliceObject* slice, ClusterChange* change) {
  const std::string name = FullName(key);
  const std::string service =
      slice == nullptr || slice->service.empty() ? "" : absl::StrCat(key.namespace_name, "/", slice->service);
  const auto known = slice_services_.find(name);
  if (known != slice_services_.end() && known->second != service) {
    const auto place = cluster_.slices.find(known->second);
    place->second.erase(key.name);
    if (place->second.empty()) cluster_.slices.erase(place);
    change->services.insert(known->second);
    slice_services_.erase(known);
  }
  if (service.empty()) return;
  cluster_.slices[service][key.name] = *slice;
  slice_services_[name] = service;
  change->services.insert(service);
}

void LiveCluster::TakePolicy(const ObjectKey& key, const policy::NetworkPolicy* policy,
                             ClusterChange* change) {
  const std::string name = FullName(key);
  if (policy == nullptr) {
    cluster_.policies.erase(name);
  } else {
    cluster_.policies[name] = *policy;
  }
  change->policies.insert(name);
}

}  // namespace fairlead::controller
