// A sandbox and its addresses, as the controller is told.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ip.h"

namespace fairlead::agent {

struct EndpointReport {
  std::string pod_uid;
  std::string namespace_name;
  std::string name;
  std::string sandbox;
  std::vector<IpAddress> addresses;
  uint64_t generation = 0;

  bool operator==(const EndpointReport&) const = default;
};

}  // namespace fairlead::agent
