// Settings of the cluster, as far as nodes and allocations depend on them: as the controller was started, or
// as they are in force.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ip.h"

namespace fairlead::controller {

enum class Routing : uint8_t { kDirect, kVxlan };

struct ClusterSettings {
  // Objects come from an API server: where pods run, which addresses and ports Services have and
  // where their traffic goes was decided there. Nothing of it is decided or bounded here.
  bool api_server = false;
  Routing routing = Routing::kDirect;
  uint32_t vxlan_vni = 1;
  uint16_t vxlan_port = 8472;
  bool masquerade = false;
  std::vector<IpPrefix> native_cidrs;
  bool socket_balancing = true;
  std::vector<IpPrefix> service_cidrs;  // one or two, of different families; the first is preferred.
                                        // With an API server: none where nobody has said
  uint16_t node_port_first = 30000;     // inclusive
  uint16_t node_port_last = 32767;

  bool operator==(const ClusterSettings&) const = default;
};

}  // namespace fairlead::controller
