#include "bench/load/endpoint.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "base/netns.h"
#include "base/status_macros.h"

namespace fairlead::bench {
namespace {

constexpr char kCongestionControl[] = "cubic";

absl::Status Bind(int fd, const SocketAddress& address) {
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, address.get(), address.length) != 0) return ErrnoError(errno, "bind");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SocketAddress> ParseAddress(const std::string& address, uint16_t port) {
  SocketAddress result;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&result.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&result.storage);
  if (inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    result.length = sizeof *v4;
  } else if (inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    result.length = sizeof *v6;
  } else {
    return absl::InvalidArgumentError(absl::StrCat("'", address, "' is not an IP address"));
  }
  return result;
}

absl::StatusOr<UniqueFd> TcpSocket(int family, int flags) {
  UniqueFd fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  if (!fd.valid()) return ErrnoError(errno, "open a TCP socket");
  const int on = 1;
  if (setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
      setsockopt(fd.get(), IPPROTO_TCP, TCP_CONGESTION, kCongestionControl, sizeof kCongestionControl - 1) !=
          0) {
    return ErrnoError(errno, "set TCP_NODELAY and cubic");
  }
  return fd;
}

absl::StatusOr<UniqueFd> UdpSocket(int family, int flags) {
  UniqueFd fd(socket(family, SOCK_DGRAM | SOCK_CLOEXEC | flags, 0));
  if (!fd.valid()) return ErrnoError(errno, "open a UDP socket");
  return fd;
}

absl::StatusOr<UniqueFd> TcpListener(const SocketAddress& address, int flags) {
  ASSIGN_OR_RETURN(UniqueFd fd, TcpSocket(address.family(), flags));
  RETURN_IF_ERROR(Bind(fd.get(), address));
  if (listen(fd.get(), 4096) != 0) return ErrnoError(errno, "listen");
  return fd;
}

absl::StatusOr<UniqueFd> UdpListener(const SocketAddress& address, int flags) {
  ASSIGN_OR_RETURN(UniqueFd fd, UdpSocket(address.family(), flags));
  RETURN_IF_ERROR(Bind(fd.get(), address));
  return fd;
}

absl::Status Connect(int fd, const SocketAddress& address) {
  if (connect(fd, address.get(), address.length) != 0) return ErrnoError(errno, "connect");
  return absl::OkStatus();
}

absl::Status JoinNetns(const std::string& netns_path) {
  if (netns_path.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(UniqueFd netns, OpenNetns(netns_path));
  if (setns(netns.get(), CLONE_NEWNET) != 0) return ErrnoError(errno, absl::StrCat("enter ", netns_path));
  return absl::OkStatus();
}

absl::Status JoinCgroup(const std::string& folder) {
  if (folder.empty()) return absl::OkStatus();
  const std::string path = folder + "/cgroup.procs";
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid() || write(fd.get(), "0", 1) != 1)
    return ErrnoError(errno, absl::StrCat("join cgroup ", folder));
  return absl::OkStatus();
}

absl::Status PinToCpu(int cpu) {
  if (cpu < 0) return absl::OkStatus();
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) return ErrnoError(errno, absl::StrCat("pin to CPU ", cpu));
  return absl::OkStatus();
}

int64_t NowNs() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * int64_t{1'000'000'000} + t.tv_nsec;
}

}  // namespace fairlead::bench
