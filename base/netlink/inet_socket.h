// Connected TCP and UDP sockets of a network namespace, whoever has them open, and their end (sock_diag).
#pragma once

#include <linux/inet_diag.h>

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "base/ip.h"
#include "base/netlink/socket.h"

namespace fairlead::netlink {

struct InetSocket {
  uint64_t cookie = 0;  // as bpf_get_socket_cookie() and SO_COOKIE have it
  uint8_t family = 0;
  uint8_t protocol = 0;
  IpAddress peer;
  uint16_t peer_port = 0;
  inet_diag_sockid id{};
};

// Visits the connected sockets of `protocol` (IPPROTO_TCP, IPPROTO_UDP) of `socket`'s namespace, a
// NETLINK_SOCK_DIAG one.
absl::Status ForEachConnected(Socket& socket, uint8_t protocol,
                              const std::function<void(const InetSocket&)>& visit);
// Its owner gets ECONNABORTED. NOT_FOUND: it is gone already. UNIMPLEMENTED: the kernel cannot
// (CONFIG_INET_DIAG_DESTROY).
absl::Status Destroy(Socket& socket, const InetSocket& end);
// Whether the kernel can.
bool CanDestroy(Socket& socket);

}  // namespace fairlead::netlink
