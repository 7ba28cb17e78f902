#include "datapath/node_sockets.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <netinet/in.h>

#include <cerrno>
#include <set>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/netlink/inet_socket.h"
#include "base/status_macros.h"
#include "datapath/abi/service.h"
#include "datapath/abi_convert.h"
#include "datapath/bpf_error.h"

namespace fairlead::datapath {
namespace {

constexpr int64_t kPauseNs = 200'000'000;

// Cookie, address, port: a socket that is connected to where it was led.
using Led = std::tuple<uint64_t, IpAddress, uint16_t>;

bool IsCurrent(int backend_fd, const fl_socket_choice& choice) {
  fl_backend backend{};
  return bpf_map_lookup_elem(backend_fd, &choice.backend, &backend) == 0 &&
         backend.generation == choice.backend_generation;
}

absl::StatusOr<std::set<Led>> OrphansOf(int choice_fd, int backend_fd) {
  std::set<Led> orphans;
  fl_socket_key key{}, next{};
  for (bool first = true;; first = false) {
    if (bpf_map_get_next_key(choice_fd, first ? nullptr : &key, &next) != 0) {
      if (errno == ENOENT) return orphans;
      return BpfError(errno, "read map socket_choice");
    }
    key = next;
    fl_socket_choice choice{};
    if (bpf_map_lookup_elem(choice_fd, &key, &choice) != 0) continue;  // gone meanwhile
    if (!IsCurrent(backend_fd, choice)) orphans.emplace(key.cookie, FromAbi(key.address), ntohs(key.port));
  }
}

}  // namespace

bool NodeSockets::Supported() {
  absl::StatusOr<netlink::Socket> socket = netlink::Socket::Open(NETLINK_SOCK_DIAG);
  return socket.ok() && netlink::CanDestroy(*socket);
}

absl::Status NodeSockets::Follow(uint64_t removals, int64_t now_ns) {
  if (removals == followed_ || now_ns < next_ns_) return absl::OkStatus();
  next_ns_ = now_ns + kPauseNs;
  const absl::Status ended = EndOrphans();
  if (ended.ok() || absl::IsUnimplemented(ended)) {
    followed_ = removals;
    return absl::OkStatus();  // Features() says so
  }
  return WrapError(ended, "end the node's connections to backends that are gone");
}

absl::Status NodeSockets::EndOrphans() const {
  ASSIGN_OR_RETURN(const std::set<Led> orphans, OrphansOf(choice_fd_, backend_fd_));
  if (orphans.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(netlink::Socket socket, netlink::Socket::Open(NETLINK_SOCK_DIAG));
  for (const uint8_t protocol : {uint8_t{IPPROTO_TCP}, uint8_t{IPPROTO_UDP}}) {
    std::vector<netlink::InetSocket> ends;
    RETURN_IF_ERROR(netlink::ForEachConnected(socket, protocol, [&](const netlink::InetSocket& end) {
      if (orphans.contains({end.cookie, end.peer, end.peer_port})) ends.push_back(end);
    }));
    for (const netlink::InetSocket& end : ends) {
      absl::Status ended = netlink::Destroy(socket, end);
      if (!ended.ok() && !absl::IsNotFound(ended)) return ended;
    }
  }
  return absl::OkStatus();
}

}  // namespace fairlead::datapath
