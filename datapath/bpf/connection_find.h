/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 3: the connection of a packet, and what the packet does to it. */
#ifndef FAIRLEAD_BPF_CONNECTION_FIND_H
#define FAIRLEAD_BPF_CONNECTION_FIND_H

#include "datapath/bpf/connection.h"

/* Fills the flow of a packet whose tuple leads to a live connection; changes nothing. */
GLOBAL int connection_find(const struct packet *packet, struct flow *flow) {
  if (!packet || !flow) return 0;
  flow->found = false;
  flow->out = packet->tuple;
  struct fl_ct_key key;
  bool source_first = make_key(&key, &packet->tuple);
  struct fl_ct_ref *ref = bpf_map_lookup_elem(&ct_tuple, &key);
  flow->key = key;
  if (!ref) return 0;
  __u32 slot = ref->slot & ~FL_CT_SERVER_TUPLE;
  bool server_side = ref->slot & FL_CT_SERVER_TUPLE;
  __u32 generation = ref->generation;
  struct fl_ct_record *r = entry(&ct_record, slot);
  if (!r) return 0;
  struct fl_ct_life life = life_read(r);
  if (life.generation != generation || !life_is_live(life)) return 0;

  bool from_client;
  flow->translated = !!(life.flags & FL_CT_TRANSLATED);
  if (flow->translated) {
    struct fl_ct_translation *x = entry(&ct_translation, slot);
    if (!x) return 0;
    struct tuple seen_by_server;
    server_tuple(r, x, &seen_by_server);
    if (server_side) {
      from_client =
          address_equal(&packet->tuple.source, &x->client) && packet->tuple.source_port == x->client_port;
    } else {
      from_client = source_first == !!(life.flags & FL_CT_CLIENT_IS_FIRST);
    }
    if (from_client) {
      flow->out = seen_by_server;
    } else {
      struct tuple seen_by_client;
      client_tuple(r, life.flags, &seen_by_client);
      tuple_reverse(&flow->out, &seen_by_client);
    }
  } else {
    from_client = source_first == !!(life.flags & FL_CT_CLIENT_IS_FIRST);
  }

  flow->from_client = from_client;
  flow->from.hop = from_client ? r->client_hop : r->server_hop;
  flow->from.node = from_client ? r->client_node : r->server_node;
  flow->from.endpoint = from_client ? r->client_endpoint : r->server_endpoint;
  flow->to.hop = from_client ? r->server_hop : r->client_hop;
  flow->to.node = from_client ? r->server_node : r->client_node;
  flow->to.endpoint = from_client ? r->server_endpoint : r->client_endpoint;
  /* The fields above may be another connection's by now. */
  if (life_read(r).generation != generation) return 0;
  flow->slot = slot;
  flow->generation = generation;
  /* A SYN after the end, or from the side that did not open, begins a new connection if that is admitted. */
  flow->reopens = packet->kind == PACKET_OPENS && packet->tuple.protocol == PROTOCOL_TCP &&
                  (life.state == FL_CT_CLOSING || !from_client);
  flow->found = true;
  return 1;
}

/* What a packet does to its connection's life. */
static __always_inline struct fl_ct_life life_after(struct fl_ct_life life, const struct packet *p,
                                                    bool from_client) {
  bool answered = life.flags & FL_CT_ANSWERED;
  if (!from_client) life.flags |= FL_CT_ANSWERED;
  if (p->tuple.protocol == PROTOCOL_TCP) {
    if (p->tcp_flags & TCP_FIN) life.flags |= from_client ? FL_CT_FIN_CLIENT : FL_CT_FIN_SERVER;
    bool both = (life.flags & FL_CT_FIN_CLIENT) && (life.flags & FL_CT_FIN_SERVER);
    if (both || p->tcp_flags & TCP_RST)
      life.state = FL_CT_CLOSING;
    else if (life.state == FL_CT_NEW && answered && from_client && p->tcp_flags & TCP_ACK)
      life.state = FL_CT_ESTABLISHED;
  } else if (p->tuple.protocol == PROTOCOL_SCTP) {
    if (p->type == SCTP_ABORT || p->type == SCTP_SHUTDOWN_COMPLETE)
      life.state = FL_CT_CLOSING;
    else if (p->type == SCTP_INIT && from_client && life.state == FL_CT_CLOSING)
      life.state = FL_CT_NEW;
    else if (life.state == FL_CT_NEW && !from_client && p->type != SCTP_INIT_ACK)
      life.state = FL_CT_ESTABLISHED;
  } else if (life.state == FL_CT_NEW && !from_client) {
    life.state = FL_CT_ESTABLISHED;
  }
  return life;
}

/* Accounts an admitted packet to its connection. */
static __always_inline void connection_touch(struct fl_ct_record *r, const struct packet *p,
                                             bool from_client) {
  if (explain || p->kind == PACKET_ICMP_ERROR) return;
  r->last_seen = bpf_jiffies64();
  r->packets += 1;
  r->bytes += p->length;
  struct fl_ct_life life = life_read(r);
  struct fl_ct_life after = life_after(life, p, from_client);
  if (after.state != life.state || after.flags != life.flags) life_swap(r, life, after);
}

#endif
