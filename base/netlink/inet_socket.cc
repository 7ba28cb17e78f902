#include "base/netlink/inet_socket.h"

#include <arpa/inet.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace fairlead::netlink {
namespace {

inet_diag_req_v2 RequestFor(uint8_t family, uint8_t protocol) {
  inet_diag_req_v2 request{};
  request.sdiag_family = family;
  request.sdiag_protocol = protocol;
  return request;
}

InetSocket Parse(const inet_diag_msg& reply, uint8_t protocol) {
  InetSocket end{.family = reply.idiag_family,
                 .protocol = protocol,
                 .peer_port = ntohs(reply.id.idiag_dport),
                 .id = reply.id};
  const size_t size = reply.idiag_family == AF_INET ? 4 : 16;
  const auto* bytes = reinterpret_cast<const char*>(reply.id.idiag_dst);
  if (auto peer = IpAddress::FromBytes(absl::string_view(bytes, size)); peer.ok()) end.peer = *peer;
  end.cookie = uint64_t{reply.id.idiag_cookie[1]} << 32 | reply.id.idiag_cookie[0];
  return end;
}

}  // namespace

absl::Status ForEachConnected(Socket& socket, uint8_t protocol,
                              const std::function<void(const InetSocket&)>& visit) {
  for (const uint8_t family : {uint8_t{AF_INET}, uint8_t{AF_INET6}}) {
    inet_diag_req_v2 request = RequestFor(family, protocol);
    request.idiag_states = (1U << TCP_ESTABLISHED) | (1U << TCP_SYN_SENT) | (1U << TCP_CLOSE_WAIT) |
                           (1U << TCP_FIN_WAIT1) | (1U << TCP_FIN_WAIT2);
    Message message(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, request);
    const absl::Status listed = socket.Query(message, [&](const nlmsghdr* reply) {
      if (reply->nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg))) return;
      visit(Parse(*static_cast<const inet_diag_msg*>(NLMSG_DATA(reply)), protocol));
    });
    RETURN_IF_ERROR(WrapError(listed, "list sockets"));
  }
  return absl::OkStatus();
}

absl::Status Destroy(Socket& socket, const InetSocket& end) {
  inet_diag_req_v2 request = RequestFor(end.family, end.protocol);
  request.idiag_states = ~0U;
  request.id = end.id;
  Message message(SOCK_DESTROY, 0, request);
  return WrapError(socket.Execute(message),
                   absl::StrCat("end a socket connected to ", end.peer.ToString(), " port ", end.peer_port));
}

bool CanDestroy(Socket& socket) {
  // One that cannot be there: where the kernel looks for it, it can end others.
  return absl::IsNotFound(Destroy(socket, {.family = AF_INET, .protocol = IPPROTO_TCP}));
}

}  // namespace fairlead::netlink
