#include "controller/model/service_view.h"

#include <utility>

namespace fairlead::controller {

ResourcePtr ServiceView::Make(const std::string& name, const ClusterService& service) const {
  // Of the selector's labels, the one that the fewest pods carry.
  const std::set<std::string>* candidates = nullptr;
  static const std::set<std::string> kNone;
  for (const auto& [key, value] : service.object.selector) {
    auto found = labelled_.find({service.namespace_name, key, value});
    const std::set<std::string>& carrying = found == labelled_.end() ? kNone : found->second;
    if (candidates == nullptr || carrying.size() < candidates->size()) candidates = &carrying;
  }
  std::vector<LivePod> pods;
  if (candidates != nullptr) {
    for (const std::string& uid : *candidates) pods.push_back(pods_.at(uid));
  }
  return MakeResource(name, ServiceWithBackends(service, pods));
}

void ServiceView::Rebuild(const Cluster& cluster,
                          const std::map<std::string, std::vector<IpAddress>>& addresses,
                          std::set<ResourceId>* changed) {
  pods_.clear();
  labelled_.clear();
  services_.clear();
  for (const auto& [uid, pod] : cluster.pods) {
    pods_[uid] = {&pod, addresses.at(uid)};
    for (const auto& [key, value] : pod.labels) labelled_[{pod.namespace_name, key, value}].insert(uid);
  }
  std::set<ResourceId> gone;
  for (const auto& [id, resource] : resources_) gone.insert(id);
  for (const auto& [name, service] : cluster.services) {
    // Headless Services have no address that the datapath could answer for.
    if (service.object.headless) continue;
    services_[service.namespace_name].emplace_back(name, &service);
    ResourcePtr resource = Make(name, service);
    gone.erase(resource->id);
    PutResource(resource, &resources_, changed);
  }
  for (const ResourceId& id : gone) DropResource(id, &resources_, changed);
}

void ServiceView::SetAddresses(const ClusterPod& pod, const std::vector<IpAddress>& addresses,
                               std::set<ResourceId>* changed) {
  pods_.at(pod.uid).addresses = addresses;
  for (const auto& [name, service] : services_[pod.namespace_name]) {
    if (service->object.selector.empty() || !Selects(service->object.selector, pod.labels)) continue;
    PutResource(Make(name, *service), &resources_, changed);
  }
}

}  // namespace fairlead::controller
