// What a Service, or a pod's hostPort, asks of the load balancer: front ends with the backends that
// each may choose. Pure; service_table.h numbers and writes it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ip.h"
#include "datapath/abi/service.h"
#include "datapath/desired_state.h"

namespace fairlead::datapath {

struct BackendAddress {
  IpAddress address;
  uint16_t port = 0;

  auto operator<=>(const BackendAddress&) const = default;
};

struct PlannedFrontend {
  fl_frontend_key key{};
  uint32_t flags = 0;                    // enum fl_frontend_flags
  std::vector<BackendAddress> backends;  // that a new connection may choose; sorted
};

// One port of one Service: its front ends share backends, affinity and a number.
struct PlannedPort {
  std::string owner;  // "shop/cart:80/6": Service, port, protocol; unique on the node
  uint32_t affinity_seconds = 0;
  std::vector<PlannedFrontend> frontends;
  // Backends that connections may still use: those above and the terminating ones. Sorted.
  std::vector<BackendAddress> kept;
};

// New connections go to ready backends; to terminating ones only where nobody is ready (KEP-1669).
std::vector<PlannedPort> PlanService(const Service& service, const std::string& this_node);
std::vector<PlannedPort> PlanHostPorts(const LocalEndpoint& endpoint);

// "10.96.0.10:80/6"
std::string ToString(const fl_frontend_key& key);

}  // namespace fairlead::datapath
