#include "bench/load/serial_server.h"

#include <cerrno>
#include <cstdio>
#include <thread>
#include <vector>

#include "base/status_macros.h"
#include "bench/load/protocol.h"

namespace fairlead::bench {
namespace {

void ServeConnection(int fd, std::vector<char>& buffer) {
  ssize_t got = read(fd, buffer.data(), kMaxMessageBytes);
  if (got <= 0) return;
  const char request = buffer[0];
  if (request == kDiscard) {
    while (read(fd, buffer.data(), buffer.size()) > 0) {
    }
    return;
  }
  do {
    if (write(fd, buffer.data(), static_cast<size_t>(got)) != got) return;
    if (request == kEchoAndClose) return;
    got = read(fd, buffer.data(), kMaxMessageBytes);
  } while (got > 0);
}

void EchoDatagrams(int fd) {
  std::vector<char> buffer(kMaxMessageBytes);
  SocketAddress peer;
  for (;;) {
    peer.length = sizeof peer.storage;
    const ssize_t got = recvfrom(fd, buffer.data(), buffer.size(), 0, peer.get(), &peer.length);
    if (got < 0 && errno != EINTR && errno != ECONNREFUSED) {
      perror("udp server: recvfrom");
      return;
    }
    if (got >= 0) sendto(fd, buffer.data(), static_cast<size_t>(got), 0, peer.get(), peer.length);
  }
}

}  // namespace

absl::Status ServeSerially(const SocketAddress& address) {
  ASSIGN_OR_RETURN(const UniqueFd tcp, TcpListener(address));
  ASSIGN_OR_RETURN(const UniqueFd udp, UdpListener(address));
  const std::jthread datagrams(EchoDatagrams, udp.get());
  std::puts("ready");
  std::fflush(stdout);
  std::vector<char> buffer(kStreamChunkBytes);
  for (;;) {
    const UniqueFd connection(accept4(tcp.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection.valid()) {
      ServeConnection(connection.get(), buffer);
    } else if (errno != EINTR && errno != ECONNABORTED) {
      return ErrnoError(errno, "accept");
    }
  }
}

}  // namespace fairlead::bench
