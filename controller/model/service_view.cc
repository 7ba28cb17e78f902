#include "controller/model/service_view.h"

#include <cstdint>
#include <utility>

namespace fairlead::controller {
namespace {

template <typename Map>
void EraseFrom(Map* sets, const typename Map::key_type& key, const std::string& member) {
  const auto set = sets->find(key);
  if (set == sets->end()) return;
  set->second.erase(member);
  if (set->second.empty()) sets->erase(set);
}

}  // namespace

void ServiceView::TouchSelecting(const Pod& pod) {
  for (const LabelKey& label : pod.labels) {
    const auto services = selecting_.find(label);
    if (services != selecting_.end()) touched_.insert(services->second.begin(), services->second.end());
  }
}

void ServiceView::SetPod(const ClusterPod& pod, const std::vector<IpAddress>& addresses) {
  RemovePod(pod.uid);
  Pod now{{}, addresses};
  for (const auto& [key, value] : pod.labels) {
    LabelKey label{pod.namespace_name, key, value};
    labelled_[label].insert(pod.uid);
    now.labels.insert(std::move(label));
  }
  TouchSelecting(now);
  pods_[pod.uid] = std::move(now);
}

void ServiceView::RemovePod(const std::string& uid) {
  const auto old = pods_.find(uid);
  if (old == pods_.end()) return;
  TouchSelecting(old->second);
  for (const LabelKey& label : old->second.labels) EraseFrom(&labelled_, label, uid);
  pods_.erase(old);
}

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

void ServiceView::Select(const std::string& name, const ClusterService* service) {
  if (const auto before = selected_by_.find(name); before != selected_by_.end()) {
    EraseFrom(&selecting_, before->second, name);
    selected_by_.erase(before);
  }
  if (service == nullptr || service->object.selector.empty()) return;
  const LabelKey label = RarestLabel(*service);
  selecting_[label].insert(name);
  selected_by_[name] = label;
}

ResourcePtr ServiceView::Make(const std::string& name, const ClusterService& service,
                              const Cluster& cluster) const {
  std::vector<LivePod> pods;
  if (const auto label = selected_by_.find(name); label != selected_by_.end()) {
    if (const auto candidates = labelled_.find(label->second); candidates != labelled_.end()) {
      for (const std::string& uid : candidates->second)
        pods.push_back({&cluster.pods.at(uid), pods_.at(uid).addresses});
    }
  }
  static const EndpointSlices kNone;
  const auto slices = cluster.slices.find(name);
  return MakeResource(
      name, ServiceWithBackends(service, slices == cluster.slices.end() ? kNone : slices->second, pods));
}

void ServiceView::Commit(const Cluster& cluster, ChangedResources* changed) {
  for (const std::string& name : std::exchange(touched_, {})) {
    const auto found = cluster.services.find(name);
    // Headless Services have no address that the datapath could answer for.
    const bool is_served = found != cluster.services.end() && !found->second.object.headless;
    Select(name, is_served ? &found->second : nullptr);
    if (is_served) {
      PutResource(Make(name, found->second, cluster), &resources_, changed);
    } else {
      DropResource({ResourceKind::kService, name}, &resources_, changed);
    }
  }
}

}  // namespace fairlead::controller
