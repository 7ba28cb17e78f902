/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 3: which backend a socket was led to. The socket level writes it; packets look it up once a
 * connection, so that a connection whose packets bear the backend's own address ends with that backend all
 * the same. */
#ifndef FAIRLEAD_BPF_SOCKET_CHOICE_H
#define FAIRLEAD_BPF_SOCKET_CHOICE_H

#include "datapath/bpf/service.h"

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, FL_MAX_SOCKETS);
  __type(key, struct fl_socket_key);
  __type(value, struct fl_socket_choice);
} socket_choice MAP;

/* Fills flow->backend for a packet of no connection that is for no Service. `socket`: the cookie of the
 * packet's socket, 0 when it has none. BACKEND_GONE: the socket was led to a backend that was removed since.
 */
GLOBAL int recall_backend(const struct packet *packet, struct flow *flow, __u64 socket) {
  if (!packet || !flow) return FL_REASON_INTERNAL;
  __u8 protocol = packet->tuple.protocol;
  if (!socket || packet->kind == PACKET_ICMP_ERROR) return FL_REASON_FORWARDED;
  if (protocol != PROTOCOL_TCP && protocol != PROTOCOL_UDP) return FL_REASON_FORWARDED;
  struct fl_socket_key key = {.cookie = socket,
                              .address = packet->tuple.destination,
                              .port = packet->tuple.destination_port,
                              .protocol = protocol};
  struct fl_socket_choice *choice = bpf_map_lookup_elem(&socket_choice, &key);
  if (!choice) return FL_REASON_FORWARDED;
  if (!backend_is_current(choice->backend, choice->backend_generation)) return FL_REASON_BACKEND_GONE;
  flow->backend = choice->backend;
  flow->backend_generation = choice->backend_generation;
  return FL_REASON_FORWARDED;
}

#endif
