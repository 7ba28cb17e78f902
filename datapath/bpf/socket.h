/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 4: Services at the socket: connect() and sendmsg() go to a backend at once. For pods an
 * optimisation that may be switched off; for processes of the node the only way, since without a route to
 * a Service's address connect() fails before there is any packet.
 *
 * These programs are interrupted by others on their CPU: everything is on the stack. */
#ifndef FAIRLEAD_BPF_SOCKET_H
#define FAIRLEAD_BPF_SOCKET_H

#include "datapath/bpf/socket_choice.h"
#include "datapath/bpf/topology.h"

#define EPERM 1
#define ECONNREFUSED 111
#define EADDRINUSE 98

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, FL_MAX_SOCKETS);
  __type(key, struct fl_socket_key);
  __type(value, struct fl_socket_origin);
} socket_origin MAP;

/* One end of a socket, of either family, as sock_addr programs see it. */
struct socket_end {
  struct fl_address address; /* net */
  __be16 port;               /* net */
  __u8 protocol;
  __u8 pad[5];
  __u64 cookie;
};

static __always_inline void read_end(struct bpf_sock_addr *ctx, bool is_v6, struct socket_end *end) {
  if (is_v6) {
    end->address.word[0] = ctx->user_ip6[0];
    end->address.word[1] = ctx->user_ip6[1];
    end->address.word[2] = ctx->user_ip6[2];
    end->address.word[3] = ctx->user_ip6[3];
  } else {
    end->address = address_of_v4(ctx->user_ip4);
  }
  end->port = (__be16)ctx->user_port;
  end->protocol = ctx->protocol;
  end->cookie = bpf_get_socket_cookie(ctx);
}

/* An IPv4 address goes into an IPv6 socket's as ::ffff:a.b.c.d, which is how it is held here. */
static __always_inline void write_end(struct bpf_sock_addr *ctx, bool is_v6, const struct fl_address *address,
                                      __be16 port) {
  if (is_v6) {
    ctx->user_ip6[0] = address->word[0];
    ctx->user_ip6[1] = address->word[1];
    ctx->user_ip6[2] = address->word[2];
    ctx->user_ip6[3] = address->word[3];
  } else {
    ctx->user_ip4 = address->word[3];
  }
  ctx->user_port = port;
}

static __always_inline struct fl_socket_key socket_key(const struct socket_end *end,
                                                       const struct fl_address *address, __be16 port) {
  struct fl_socket_key key = {
      .cookie = end->cookie, .address = *address, .port = port, .protocol = end->protocol};
  return key;
}

static __always_inline bool is_on_node(struct bpf_sock_addr *ctx, const struct fl_config *c) {
  return bpf_get_netns_cookie(ctx) == c->netns_cookie;
}

/* The backend that this socket's datagrams to `end` went to before, while it lives. */
static __always_inline bool repeat_choice(const struct socket_end *end, struct fl_backend **to) {
  struct fl_socket_key key = socket_key(end, &end->address, end->port);
  struct fl_socket_choice *choice = bpf_map_lookup_elem(&socket_choice, &key);
  if (!choice || !backend_is_current(choice->backend, choice->backend_generation)) return false;
  *to = entry(&backend, choice->backend);
  return *to != NULL;
}

static __always_inline void remember(const struct socket_end *end, const struct service_question *q,
                                     bool each_datagram) {
  struct fl_socket_choice choice = {.backend = q->backend, .backend_generation = q->backend_generation};
  if (each_datagram) {
    struct fl_socket_key there = socket_key(end, &end->address, end->port);
    bpf_map_update_elem(&socket_choice, &there, &choice, BPF_ANY);
  }
  struct fl_socket_key back = socket_key(end, &q->server, q->server_port);
  bpf_map_update_elem(&socket_choice, &back, &choice, BPF_ANY);
  struct fl_socket_origin origin = {.address = end->address, .port = end->port};
  bpf_map_update_elem(&socket_origin, &back, &origin, BPF_ANY);
}

static __always_inline bool may_balance(__u8 protocol) {
  return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP;
}

/* Whether sockets are led to backends: the node's own always, those of pods where that is wanted. */
static __always_inline bool is_balanced(const struct fl_config *c, bool on_node) {
  return on_node || c->flags & FL_CONFIG_SOCKET_BALANCING;
}

/* A socket's question to ask_service(); who asks is yet to be filled in. */
static __always_inline struct service_question socket_question(const struct fl_address *address, __be16 port,
                                                               __u8 protocol) {
  struct fl_location *at = bpf_map_lookup_elem(&location, address);
  struct service_question q = {.address = *address,
                               .port = port,
                               .protocol = protocol,
                               .to_node = at && at->kind == FL_LOCATION_THIS_NODE};
  return q;
}

/* A socket's own address is not chosen yet; its namespace stands for the client. NO_SUCH_SERVICE is for the
 * node's own alone, which meet no other program: a pod's packet is refused, counted and reported. */
static __always_inline int ask_for_socket(struct service_question *q, __u64 netns, bool on_node) {
  __builtin_memcpy(&q->client, &netns, sizeof(netns));
  int reason = ask_service(q);
  if (q->found || !on_node) return reason;
  struct fl_address_prefix key = {.length = 128, .address = q->address};
  struct fl_pod_range *range = bpf_map_lookup_elem(&pod_range, &key);
  return range && range->flags & FL_RANGE_SERVICE ? FL_REASON_NO_SUCH_SERVICE : reason;
}

/* connect() and sendmsg() to `end`: 1 lets the call go on, with another address where it was a Service; 0
 * refuses it, as the packet would be. */
static __always_inline int balance(struct bpf_sock_addr *ctx, bool is_v6, bool each_datagram) {
  struct fl_config *c = only_entry(&config);
  struct socket_end end = {};
  read_end(ctx, is_v6, &end);
  if (!c || !may_balance(end.protocol)) return 1;
  bool on_node = is_on_node(ctx, c);
  if (!is_balanced(c, on_node)) return 1;

  struct fl_backend *before = NULL;
  if (each_datagram && repeat_choice(&end, &before)) {
    write_end(ctx, is_v6, &before->address, before->port);
    return 1;
  }
  struct service_question q = socket_question(&end.address, end.port, end.protocol);
  int reason = ask_for_socket(&q, bpf_get_netns_cookie(ctx), on_node);
  if (reason) {
    bpf_set_retval(reason == FL_REASON_INTERNAL ? -EPERM : -ECONNREFUSED);
    return 0;
  }
  if (!q.found) return 1;
  remember(&end, &q, each_datagram);
  write_end(ctx, is_v6, &q.server, q.server_port);
  return 1;
}

/* recvmsg() and getpeername(): the socket is told the address that it asked for. */
static __always_inline int tell_origin(struct bpf_sock_addr *ctx, bool is_v6) {
  struct socket_end end = {};
  read_end(ctx, is_v6, &end);
  struct fl_socket_key key = socket_key(&end, &end.address, end.port);
  struct fl_socket_origin *origin = bpf_map_lookup_elem(&socket_origin, &key);
  if (origin) write_end(ctx, is_v6, &origin->address, origin->port);
  return 1;
}

/* bind(): the node's processes keep out of the ports under which pods leave (ip_local_reserved_ports keeps
 * the kernel's own choice out). */
static __always_inline int guard_bind(struct bpf_sock_addr *ctx) {
  struct fl_config *c = only_entry(&config);
  if (!c || !c->snat_port_first || !is_on_node(ctx, c)) return 1;
  __u16 port = bpf_ntohs((__be16)ctx->user_port);
  if (port < c->snat_port_first || port > c->snat_port_last) return 1;
  bpf_set_retval(-EADDRINUSE);
  return 0;
}

#endif
