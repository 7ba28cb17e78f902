#include "controller/model/backends.h"

#include <algorithm>
#include <optional>
#include <variant>

#include "absl/strings/str_cat.h"

namespace fairlead::controller {
namespace {

// The number that a port's target has on `pod`; nothing when the pod has no port of that name.
std::optional<uint16_t> TargetOn(const ClusterPod& pod, const ServicePortObject& port) {
  if (const auto* number = std::get_if<uint16_t>(&port.target)) return *number;
  for (const Container& container : pod.containers) {
    for (const ContainerPort& candidate : container.ports) {
      if (candidate.name == std::get<std::string>(port.target) && candidate.protocol == port.protocol) {
        return candidate.number;
      }
    }
  }
  return std::nullopt;
}

bool HasFamily(const ClusterService& service, const IpAddress& address) {
  Family family = address.is_v4() ? Family::kIpv4 : Family::kIpv6;
  return std::find(service.families.begin(), service.families.end(), family) != service.families.end();
}

void AddSelected(const ClusterService& service, const std::vector<LivePod>& pods,
                 const ServicePortObject& from, ServicePort* to) {
  for (const LivePod& live : pods) {
    const ClusterPod& pod = *live.pod;
    bool ready =
        !pod.terminated && (!pod.says_unready || service.object.publish_not_ready || pod.terminating);
    if (!ready || !Selects(service.object.selector, pod.labels)) continue;
    std::optional<uint16_t> target = TargetOn(pod, from);
    if (!target) continue;
    for (const IpAddress& address : live.addresses) {
      if (HasFamily(service, address)) {
        to->backends.push_back({address, *target, pod.node, pod.FullName(), pod.terminating});
      }
    }
  }
}

void AddFromSlices(const ClusterService& service, const EndpointSlices& slices, const ServicePortObject& from,
                   ServicePort* to) {
  for (const auto& [name, slice] : slices) {
    for (const SlicePort& port : slice.ports) {
      if (port.name != from.name || port.protocol != from.protocol) continue;
      for (const SliceEndpoint& endpoint : slice.endpoints) {
        bool usable =
            endpoint.ready || (endpoint.terminating && endpoint.serving) || service.object.publish_not_ready;
        if (!usable) continue;
        for (const IpAddress& address : endpoint.addresses) {
          if (!HasFamily(service, address)) continue;
          to->backends.push_back(
              {address, port.port == 0 ? from.port : port.port, endpoint.node,
               endpoint.pod.empty() ? "" : absl::StrCat(service.namespace_name, "/", endpoint.pod),
               endpoint.terminating});
        }
      }
    }
  }
}

}  // namespace

bool Selects(const policy::Labels& selector, const policy::Labels& labels) {
  return !selector.empty() && std::all_of(selector.begin(), selector.end(), [&](const auto& wanted) {
    auto label = labels.find(wanted.first);
    return label != labels.end() && label->second == wanted.second;
  });
}

Service ServiceWithBackends(const ClusterService& service, const EndpointSlices& slices,
                            const std::vector<LivePod>& pods) {
  Service result;
  result.namespace_name = service.namespace_name;
  result.name = service.name;
  result.uid = service.uid;
  result.cluster_ips = service.cluster_ips;
  result.affinity_seconds = service.object.affinity_seconds;
  result.external_local = service.object.external_local;
  result.internal_local = service.object.internal_local;
  for (const ServicePortObject& from : service.object.ports) {
    ServicePort to{from.name, from.protocol, from.port, from.node_port, {}};
    AddSelected(service, pods, from, &to);
    AddFromSlices(service, slices, from, &to);
    std::sort(to.backends.begin(), to.backends.end());
    to.backends.erase(std::unique(to.backends.begin(), to.backends.end()), to.backends.end());
    result.ports.push_back(std::move(to));
  }
  return result;
}

}  // namespace fairlead::controller
