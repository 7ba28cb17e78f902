// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* The socket level: what is attached to the node's cgroup. */
#include "datapath/bpf/socket.h"

SEC("cgroup/connect4")
int socket_connect4(struct bpf_sock_addr *ctx) {
  return balance(ctx, false, false);
}

SEC("cgroup/connect6")
int socket_connect6(struct bpf_sock_addr *ctx) {
  return balance(ctx, true, false);
}

SEC("cgroup/sendmsg4")
int socket_sendmsg4(struct bpf_sock_addr *ctx) {
  return balance(ctx, false, true);
}

SEC("cgroup/sendmsg6")
int socket_sendmsg6(struct bpf_sock_addr *ctx) {
  return balance(ctx, true, true);
}

SEC("cgroup/recvmsg4")
int socket_recvmsg4(struct bpf_sock_addr *ctx) {
  return tell_origin(ctx, false);
}

SEC("cgroup/recvmsg6")
int socket_recvmsg6(struct bpf_sock_addr *ctx) {
  return tell_origin(ctx, true);
}

SEC("cgroup/getpeername4")
int socket_getpeername4(struct bpf_sock_addr *ctx) {
  return tell_origin(ctx, false);
}

SEC("cgroup/getpeername6")
int socket_getpeername6(struct bpf_sock_addr *ctx) {
  return tell_origin(ctx, true);
}

SEC("cgroup/bind4")
int socket_bind4(struct bpf_sock_addr *ctx) {
  return guard_bind(ctx);
}

SEC("cgroup/bind6")
int socket_bind6(struct bpf_sock_addr *ctx) {
  return guard_bind(ctx);
}
