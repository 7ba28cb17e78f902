// "10.0.0.1:80" and "[fd00::1]:80": an address with its port, as people and URLs write it (RFC 3986, 3.2.2).
#pragma once

#include <cstdint>
#include <string>

#include "base/ip.h"

namespace fairlead {

// `port`: host byte order.
std::string WithPort(const IpAddress& address, uint16_t port);

}  // namespace fairlead
