// Sockets of the probe: every address as IPv6 (IPv4 mapped) in a sockaddr, made non-blocking.
#pragma once

#include <netinet/in.h>

#include <string>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "cli/probe/target.h"

namespace fairlead::probe {

// A sockaddr of the address's own family.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  static SocketAddress Of(const IpAddress& address, uint16_t port);
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// UNIMPLEMENTED when the kernel does not have the protocol.
absl::StatusOr<UniqueFd> OpenSocket(int family, Protocol protocol);

// "10.0.0.1:80", "[fd00::1]:80"; a mapped IPv4 address reads as IPv4.
std::string Describe(const sockaddr_storage& address);

}  // namespace fairlead::probe
