#include "datapath/service_plan.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "base/address_port.h"
#include "datapath/abi_convert.h"
#include "policy/model.h"

namespace fairlead::datapath {
namespace {

fl_frontend_key KeyOf(const IpAddress& address, uint16_t port, uint8_t protocol) {
  return {.address = ToAbi(address), .port = htons(port), .protocol = protocol};
}

// Every address of the node, of one family.
IpAddress AnyAddress(bool v4) {
  return v4 ? IpAddress::FromV4(0) : IpAddress();
}

bool IsAny(const IpAddress& address) {
  return address == AnyAddress(true) || address == AnyAddress(false);
}

std::vector<BackendAddress> Choose(const ServicePort& port, bool v4, bool local_only,
                                   const std::string& node) {
  std::array<std::vector<BackendAddress>, 2> by_state;  // ready, terminating
  for (const ServiceBackend& backend : port.backends) {
    if (backend.address.is_v4() != v4 || (local_only && backend.node != node)) continue;
    by_state[backend.terminating ? 1 : 0].push_back({backend.address, backend.port});
  }
  std::vector<BackendAddress>& chosen = by_state[by_state[0].empty() ? 1 : 0];
  std::sort(chosen.begin(), chosen.end());
  chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
  return std::move(chosen);
}

PlannedPort PlanPort(const Service& service, const ServicePort& port, const std::string& this_node) {
  PlannedPort plan;
  plan.owner = absl::StrCat(service.namespace_name, "/", service.name, ":", port.port, "/", port.protocol);
  plan.affinity_seconds = service.affinity_seconds;
  std::array<bool, 2> node_port_planned{};
  for (const IpAddress& address : service.cluster_ips) {
    const bool v4 = address.is_v4();
    const bool local = service.internal_local;
    plan.frontends.push_back({.key = KeyOf(address, port.port, port.protocol),
                              .flags = local ? uint32_t{FL_FRONTEND_LOCAL_ONLY} : 0,
                              .backends = Choose(port, v4, local, this_node)});
    if (port.node_port == 0 || std::exchange(node_port_planned[v4], true)) continue;
    plan.frontends.push_back({.key = KeyOf(AnyAddress(v4), port.node_port, port.protocol),
                              .flags = uint32_t{FL_FRONTEND_NODE_PORT} |
                                       (service.external_local ? uint32_t{FL_FRONTEND_LOCAL_ONLY} : 0),
                              .backends = Choose(port, v4, service.external_local, this_node)});
  }
  for (const ServiceBackend& backend : port.backends) plan.kept.push_back({backend.address, backend.port});
  std::sort(plan.kept.begin(), plan.kept.end());
  plan.kept.erase(std::unique(plan.kept.begin(), plan.kept.end()), plan.kept.end());
  return plan;
}

}  // namespace

std::vector<PlannedPort> PlanService(const Service& service, const std::string& this_node) {
  std::vector<PlannedPort> plan;
  plan.reserve(service.ports.size());
  for (const ServicePort& port : service.ports) plan.push_back(PlanPort(service, port, this_node));
  return plan;
}

std::vector<PlannedPort> PlanHostPorts(const LocalEndpoint& endpoint) {
  std::vector<PlannedPort> plan;
  for (const PortMapping& mapping : endpoint.port_mappings) {
    PlannedPort port;
    port.owner = absl::StrCat(endpoint.namespace_name, "/", endpoint.pod_name, ":", mapping.host_port, "/",
                              mapping.protocol, " of ", endpoint.key);
    for (const IpAddress& address : endpoint.addresses) {
      const bool v4 = address.is_v4();
      if (!IsAny(mapping.host_ip) && mapping.host_ip.is_v4() != v4) continue;
      const BackendAddress backend{address, mapping.container_port};
      const IpAddress at = IsAny(mapping.host_ip) ? AnyAddress(v4) : mapping.host_ip;
      port.frontends.push_back({.key = KeyOf(at, mapping.host_port, mapping.protocol),
                                .flags = uint32_t{FL_FRONTEND_HOST_PORT},
                                .backends = {backend}});
      port.kept.push_back(backend);
    }
    std::sort(port.kept.begin(), port.kept.end());
    plan.push_back(std::move(port));
  }
  return plan;
}

std::string ToString(const fl_frontend_key& key) {
  return absl::StrCat(WithPort(FromAbi(key.address), ntohs(key.port)), "/",
                      policy::ToString(static_cast<policy::Protocol>(key.protocol)));
}

}  // namespace fairlead::datapath
