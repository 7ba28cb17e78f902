// What the probe talks to: a protocol, an address and a port, and their textual forms.
//
//   ParseTarget("10.96.0.1:80"), ParseTarget("[fd00::1]:53/udp"), ParseTarget("cart.shop:80", hosts)
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ip.h"

namespace fairlead::probe {

enum class Protocol { kTcp, kUdp, kSctp };

// "tcp", "udp", "sctp".
const char* ToString(Protocol protocol);
absl::StatusOr<Protocol> ParseProtocol(absl::string_view text);

struct Target {
  Protocol protocol = Protocol::kTcp;
  IpAddress address;
  uint16_t port = 0;

  bool operator==(const Target&) const = default;
};

// "10.96.0.1:80/udp"; IPv6 addresses in brackets.
std::string ToString(const Target& target);

// Names of an /etc/hosts, each with its addresses in the file's order.
using Hosts = std::map<std::string, std::vector<IpAddress>>;
Hosts ParseHosts(absl::string_view text);

enum class Family { kAny, kIpv4, kIpv6 };

// "HOST:PORT[/PROTOCOL]", HOST an address or a name in `hosts`; TCP when no protocol is given.
absl::StatusOr<Target> ParseTarget(absl::string_view text, const Hosts& hosts = {},
                                   Family family = Family::kAny);

// "tcp:80", "udp:53": what a server listens on.
struct Listen {
  Protocol protocol = Protocol::kTcp;
  uint16_t port = 0;

  bool operator==(const Listen&) const = default;
};
absl::StatusOr<Listen> ParseListen(absl::string_view text);

}  // namespace fairlead::probe
