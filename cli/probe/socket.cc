#include "cli/probe/socket.h"

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace fairlead::probe {

SocketAddress SocketAddress::Of(const IpAddress& address, uint16_t port) {
  SocketAddress result;
  if (address.is_v4()) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    in.sin_addr.s_addr = htonl(address.v4());
    std::memcpy(&result.storage, &in, sizeof in);
    result.length = sizeof in;
  } else {
    sockaddr_in6 in6{};
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(port);
    std::memcpy(&in6.sin6_addr, address.bytes().data(), 16);
    std::memcpy(&result.storage, &in6, sizeof in6);
    result.length = sizeof in6;
  }
  return result;
}

absl::StatusOr<UniqueFd> OpenSocket(int family, Protocol protocol) {
  const int type = protocol == Protocol::kUdp ? SOCK_DGRAM : SOCK_STREAM;
  const int number = protocol == Protocol::kSctp ? IPPROTO_SCTP : 0;
  UniqueFd fd(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, number));
  if (fd.valid()) return fd;
  if (errno == EPROTONOSUPPORT || errno == ESOCKTNOSUPPORT) {
    return absl::UnimplementedError(absl::StrCat("this kernel has no ", ToString(protocol), " sockets"));
  }
  return ErrnoError(errno, absl::StrCat("open a ", ToString(protocol), " socket"));
}

std::string Describe(const sockaddr_storage& storage) {
  Target target;
  if (storage.ss_family == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, &storage, sizeof in);
    target = {.address = IpAddress::FromV4(ntohl(in.sin_addr.s_addr)), .port = ntohs(in.sin_port)};
  } else {
    sockaddr_in6 in6;
    std::memcpy(&in6, &storage, sizeof in6);
    std::array<uint8_t, 16> bytes;
    std::memcpy(bytes.data(), &in6.sin6_addr, 16);
    target = {.address = IpAddress(bytes), .port = ntohs(in6.sin6_port)};
  }
  return ToString(target);
}

}  // namespace fairlead::probe
