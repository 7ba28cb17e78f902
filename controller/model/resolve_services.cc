#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/model/cluster.h"
#include "controller/model/content_hash.h"
#include "controller/model/service_allocator.h"

namespace fairlead::controller {
namespace {

Family FamilyOf(const IpAddress& address) {
  return address.is_v4() ? Family::kIpv4 : Family::kIpv6;
}

// The families of a Service's cluster IPs, as the API server defaults them.
std::vector<Family> FamiliesOf(const ServiceObject& service, const ClusterSettings& settings) {
  std::vector<Family> families = service.families;
  for (size_t i = families.size(); i < service.cluster_ips.size(); ++i)
    families.push_back(FamilyOf(service.cluster_ips[i]));
  if (settings.api_server) return families;
  std::vector<Family> offered;
  offered.reserve(settings.service_cidrs.size());
  for (const IpPrefix& range : settings.service_cidrs) offered.push_back(FamilyOf(range.address()));
  if (families.empty() && !offered.empty()) families.push_back(offered.front());
  bool wants_both = service.family_policy == FamilyPolicy::kPreferDualStack ||
                    service.family_policy == FamilyPolicy::kRequireDualStack;
  if (wants_both && families.size() == 1) {
    for (Family family : offered) {
      if (family != families.front()) families.push_back(family);
    }
  }
  return families;
}

class ServiceResolver {
 public:
  ServiceResolver(const ClusterSettings& settings, const Cluster* before, Cluster* cluster)
      : settings_(settings), before_(before), cluster_(*cluster), allocator_(settings) {}

  // What the manifests give comes first, and of that what was given before; what contradicts an
  // earlier one is refused, and keeps its last good version.
  void TakeGiven(const Objects& objects) {
    std::vector<const Object*> changed;
    for (auto at = objects.lower_bound({"Service", "", ""});
         at != objects.end() && at->first.kind == "Service"; ++at) {
      const auto& [key, object] = *at;
      const auto& stated = std::get<ServiceObject>(object.body);
      if (stated.type == ServiceType::kExternalName) continue;
      where_[OwnerOf(key)] = object.where;
      if (!HadBefore(OwnerOf(key), stated) || !Take(key, stated).empty()) changed.push_back(&object);
    }
    for (const Object* object : changed) {
      std::string problem = Take(object->key, std::get<ServiceObject>(object->body));
      if (problem.empty()) continue;
      if (const ClusterService* old = LastGood(OwnerOf(object->key))) {
        ServiceObject again = old->object;
        again.cluster_ips = old->cluster_ips;
        if (Take(object->key, again).empty()) problem += "; the last good version stays in force";
      }
      cluster_.service_rejections.push_back({object->key.ToString(), object->where, problem});
    }
  }

  // Then what Services were given last time, where it is still free.
  void KeepAllocated() {
    for (auto& [owner, service] : cluster_.services) {
      const ClusterService* old = LastGood(owner);
      if (old == nullptr || service.object.headless) continue;
      for (size_t i = service.cluster_ips.size(); i < service.families.size(); ++i) {
        for (const IpAddress& address : old->cluster_ips) {
          if (FamilyOf(address) != service.families[i] || i != service.cluster_ips.size()) continue;
          if (allocator_.TakeAddress(address, owner).empty()) service.cluster_ips.push_back(address);
        }
      }
      KeepNodePorts(owner, *old, &service);
    }
  }

  // Then the rest, in the order of names.
  void AllocateRest() {
    std::vector<std::string> without;
    for (auto& [owner, service] : cluster_.services) {
      std::string problem = Allocate(owner, &service);
      if (problem.empty()) continue;
      cluster_.service_rejections.push_back({absl::StrCat("Service ", owner), where_[owner], problem});
      without.push_back(owner);
    }
    for (const std::string& owner : without) cluster_.services.erase(owner);
  }

 private:
  static std::string OwnerOf(const ObjectKey& key) { return absl::StrCat(key.namespace_name, "/", key.name); }

  const ClusterService* LastGood(const std::string& owner) const {
    if (before_ == nullptr) return nullptr;
    auto service = before_->services.find(owner);
    return service == before_->services.end() ? nullptr : &service->second;
  }

  // Did the Service hold all addresses and node ports that it states now?
  bool HadBefore(const std::string& owner, const ServiceObject& stated) const {
    const ClusterService* old = LastGood(owner);
    if (old == nullptr) return false;
    for (const IpAddress& address : stated.cluster_ips) {
      if (std::find(old->cluster_ips.begin(), old->cluster_ips.end(), address) == old->cluster_ips.end())
        return false;
    }
    return std::all_of(stated.ports.begin(), stated.ports.end(), [&](const ServicePortObject& port) {
      return port.node_port == 0 ||
             std::any_of(old->object.ports.begin(), old->object.ports.end(),
                         [&](const ServicePortObject& other) {
                           return other.node_port == port.node_port && other.protocol == port.protocol;
                         });
    });
  }

  // "" when the Service is in, otherwise what it contradicts.
  std::string Take(const ObjectKey& key, const ServiceObject& stated) {
    ClusterService service = StatedService(key, stated, settings_);
    if (stated.family_policy == FamilyPolicy::kRequireDualStack && !stated.headless &&
        service.families.size() < 2 && !settings_.api_server) {
      return "spec.ipFamilyPolicy: RequireDualStack needs two Service ranges (--service-cidr V4,V6)";
    }
    const std::string problem = ClaimStated(service, &allocator_);
    if (problem.empty()) cluster_.services.emplace(OwnerOf(key), std::move(service));
    return problem;
  }

  void KeepNodePorts(const std::string& owner, const ClusterService& old, ClusterService* service) {
    if (service->object.type != ServiceType::kNodePort) return;
    for (ServicePortObject& port : service->object.ports) {
      for (const ServicePortObject& before : old.object.ports) {
        bool same = before.port == port.port && before.protocol == port.protocol;
        if (!same || port.node_port != 0 || before.node_port == 0) continue;
        if (allocator_.TakeNodePort(before.node_port, port.protocol, owner).empty())
          port.node_port = before.node_port;
      }
    }
  }

  std::string Allocate(const std::string& owner, ClusterService* service) {
    for (size_t i = service->cluster_ips.size(); i < service->families.size(); ++i) {
      bool ipv4 = service->families[i] == Family::kIpv4;
      std::optional<IpAddress> address = allocator_.PickAddress(ipv4, owner);
      if (!address) {
        return absl::StrCat("spec.clusterIP: no ", ipv4 ? "IPv4" : "IPv6",
                            " address is free in the Service ranges; widen --service-cidr");
      }
      service->cluster_ips.push_back(*address);
    }
    if (service->object.type != ServiceType::kNodePort) return "";
    for (ServicePortObject& port : service->object.ports) {
      if (port.node_port != 0) continue;
      std::optional<uint16_t> picked = allocator_.PickNodePort(
          port.protocol, absl::StrCat(owner, ":", port.port, "/", policy::ToString(port.protocol)));
      if (!picked) return "spec.ports: no node port is free; widen --node-port-range";
      port.node_port = *picked;
    }
    return "";
  }

  const ClusterSettings& settings_;
  const Cluster* before_;
  Cluster& cluster_;
  ServiceAllocator allocator_;
  std::map<std::string, Where> where_;
};

std::string Claim(const ClusterService& service, ServiceAllocator* allocator) {
  const std::string owner = service.FullName();
  for (const IpAddress& address : service.cluster_ips) {
    const std::string problem = allocator->TakeAddress(address, owner);
    if (!problem.empty()) return "spec.clusterIP: " + problem;
  }
  for (size_t i = 0; i < service.object.ports.size(); ++i) {
    const ServicePortObject& port = service.object.ports[i];
    if (port.node_port == 0) continue;
    const std::string problem = allocator->TakeNodePort(port.node_port, port.protocol, owner);
    if (!problem.empty()) return absl::StrCat("spec.ports[", i, "].nodePort: ", problem);
  }
  return "";
}

void ResolveSlices(const Objects& objects, Cluster* cluster) {
  for (const auto& [key, object] : objects) {
    const auto* slice = std::get_if<EndpointSliceObject>(&object.body);
    if (slice == nullptr || slice->service.empty()) continue;
    cluster->slices[absl::StrCat(key.namespace_name, "/", slice->service)][key.name] = *slice;
  }
}

}  // namespace

ClusterService StatedService(const ObjectKey& key, const ServiceObject& stated,
                             const ClusterSettings& settings) {
  ClusterService service;
  service.namespace_name = key.namespace_name;
  service.name = key.name;
  service.object = stated;
  service.uid = stated.uid.empty() ? ContentHash().Add("Service").Add(key.namespace_name).Add(key.name).Uuid()
                                   : stated.uid;
  if (!stated.headless) service.families = FamiliesOf(stated, settings);
  service.cluster_ips = stated.cluster_ips;
  return service;
}

std::string ClaimStated(const ClusterService& service, ServiceAllocator* allocator) {
  std::string problem = Claim(service, allocator);
  // Not half: what it does not get in the end is free for others.
  if (!problem.empty()) ReleaseStated(service, allocator);
  return problem;
}

void ReleaseStated(const ClusterService& service, ServiceAllocator* allocator) {
  const std::string owner = service.FullName();
  for (const IpAddress& address : service.cluster_ips) allocator->ReleaseAddress(address, owner);
  for (const ServicePortObject& port : service.object.ports)
    allocator->ReleaseNodePort(port.node_port, port.protocol, owner);
}

void ResolveServices(const Objects& objects, const ClusterSettings& settings, const Cluster* before,
                     Cluster* cluster) {
  ServiceResolver resolver(settings, before, cluster);
  resolver.TakeGiven(objects);
  if (!settings.api_server) {
    resolver.KeepAllocated();
    resolver.AllocateRest();
  }
  ResolveSlices(objects, cluster);
}

}  // namespace fairlead::controller
