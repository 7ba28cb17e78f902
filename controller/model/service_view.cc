#include "controller/model/service_view.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace fairlead::controller {

ServiceView::LabelKey ServiceView::RarestLabel(const ClusterService& service) const {
  LabelKey rarest;
  size_t fewest = SIZE_MAX;
  for (const auto& [key, value] : service.object.selector) {
    LabelKey label{service.namespace_name, key, value};
    auto pods = labelled_.find(label);
    size_t count = pods == labelled_.end() ? 0 : pods->second.size();
    if (count < fewest) rarest = std::move(label);
    fewest = std::min(fewest, count);
  }
  return rarest;
}

ResourcePtr ServiceView::Make(const std::string& name, const ClusterService& service) const {
  std::vector<LivePod> pods;
  if (!service.object.selector.empty()) {
    auto candidates = labelled_.find(RarestLabel(service));
    if (candidates != labelled_.end()) {
      for (const std::string& uid : candidates->second) pods.push_back(pods_.at(uid));
    }
  }
  return MakeResource(name, ServiceWithBackends(service, pods));
}

void ServiceView::Rebuild(const Cluster& cluster,
                          const std::map<std::string, std::vector<IpAddress>>& addresses,
                          std::set<ResourceId>* changed) {
  pods_.clear();
  labelled_.clear();
  selecting_.clear();
  for (const auto& [uid, pod] : cluster.pods) {
    pods_[uid] = {&pod, addresses.at(uid)};
    for (const auto& [key, value] : pod.labels) labelled_[{pod.namespace_name, key, value}].insert(uid);
  }
  std::set<ResourceId> gone;
  for (const auto& [id, resource] : resources_) gone.insert(id);
  for (const auto& [name, service] : cluster.services) {
    // Headless Services have no address that the datapath could answer for.
    if (service.object.headless) continue;
    if (!service.object.selector.empty()) selecting_[RarestLabel(service)].emplace_back(name, &service);
    ResourcePtr resource = Make(name, service);
    gone.erase(resource->id);
    PutResource(resource, &resources_, changed);
  }
  for (const ResourceId& id : gone) DropResource(id, &resources_, changed);
}

void ServiceView::SetAddresses(const ClusterPod& pod, const std::vector<IpAddress>& addresses,
                               std::set<ResourceId>* changed) {
  pods_.at(pod.uid).addresses = addresses;
  for (const auto& [key, value] : pod.labels) {
    auto services = selecting_.find({pod.namespace_name, key, value});
    if (services == selecting_.end()) continue;
    for (const auto& [name, service] : services->second) {
      if (Selects(service->object.selector, pod.labels))
        PutResource(Make(name, *service), &resources_, changed);
    }
  }
}

}  // namespace fairlead::controller
