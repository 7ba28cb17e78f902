// Sockets for load: an address and port in a network namespace, opened with what all measurements
// share (TCP_NODELAY, congestion control cubic). IPv4 is written a.b.c.d, IPv6 plain.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace fairlead::bench {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
};

absl::StatusOr<SocketAddress> ParseAddress(const std::string& address, uint16_t port);

// A TCP socket with TCP_NODELAY and cubic. `flags`: SOCK_NONBLOCK or 0.
absl::StatusOr<UniqueFd> TcpSocket(int family, int flags = 0);
absl::StatusOr<UniqueFd> UdpSocket(int family, int flags = 0);
// Bound with SO_REUSEADDR, and listening when it is TCP.
absl::StatusOr<UniqueFd> TcpListener(const SocketAddress& address, int flags = 0);
absl::StatusOr<UniqueFd> UdpListener(const SocketAddress& address, int flags = 0);

absl::Status Connect(int fd, const SocketAddress& address);

// Moves the calling thread into the namespace at `netns_path` for good; "" stays.
absl::Status JoinNetns(const std::string& netns_path);
// Moves this process into the cgroup v2 folder; "" stays.
absl::Status JoinCgroup(const std::string& folder);
// Binds the calling thread to one CPU; -1 leaves it.
absl::Status PinToCpu(int cpu);
int64_t NowNs();

}  // namespace fairlead::bench
