/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 4: whether a connection may begin, and whether it may go on.
 *
 *   1. A connection has a client and a server; policy is asked about the original client and the final
 *      server: the egress set of the client's pod, then the ingress set of the server's pod.
 *   2. Not asked: what the node itself sends to its pods, and a pod that talks to itself.
 *   3. An answer holds while the pods' sets and those sets' epochs stay; after that the next packet, of
 *      either direction, asks again. A denial then ends the connection.
 *   4. A TCP or SCTP packet that opens nothing and belongs to no connection (our state was lost) is taken
 *      in when policy admits its two ends in both directions: it cannot be told who the client was, and
 *      a connection that policy has ended must not come back as its own reverse. Else MID_STREAM.
 *   5. A connection whose backend was removed ends; a datagram of its client finds another backend, unless
 *      its socket had chosen that one by itself (socket level).
 *   6. An echo reply without a request, and an ICMP error of an unknown connection, never pass. */
#ifndef FAIRLEAD_BPF_ADMIT_H
#define FAIRLEAD_BPF_ADMIT_H

#include "datapath/bpf/connection_find.h"
#include "datapath/bpf/connection_make.h"
#include "datapath/bpf/judge.h"
#include "datapath/bpf/service.h"
#include "datapath/bpf/topology.h"
#include "datapath/bpf/verdict.h"

static __always_inline void trace_conntrack(const struct flow *flow, __u32 reason, __u32 state) {
  struct fl_trace_step *step = trace_step(FL_TRACE_CONNTRACK, reason, FL_TRACE_MAP_CT_TUPLE);
  if (!step) return;
  step->slot = flow->slot;
  step->state = state;
}

/* Asks again when the answer may have changed since the connection was last decided. */
static __always_inline int admit_again(struct fl_ct_record *r, struct fl_ct_life life, struct flow *flow,
                                       struct opening *o) {
  struct footing now;
  footing_now(r, life.flags, &now);
  bool holds = now.egress_set == r->egress_set && now.egress_epoch == r->egress_epoch &&
               now.ingress_set == r->ingress_set && now.ingress_epoch == r->ingress_epoch;
  if (holds && !explain) return FL_REASON_FORWARDED;

  struct tuple t = {};
  client_tuple(r, life.flags, &t);
  if (life.flags & FL_CT_TRANSLATED) {
    struct fl_ct_translation *x = entry(&ct_translation, flow->slot);
    if (!x) return FL_REASON_INTERNAL;
    t.destination = x->server;
    t.destination_port = x->server_port;
  }
  o->record.client_endpoint = r->client_endpoint;
  o->record.server_endpoint = r->server_endpoint;
  int reason = life.flags & FL_CT_ADOPTED ? judge_both(&t, &o->record, flow) : judge(&t, &o->record, flow);
  if (reason || explain) return reason;
  r->egress_set = o->record.egress_set;
  r->ingress_set = o->record.ingress_set;
  r->egress_epoch = o->record.egress_epoch;
  r->ingress_epoch = o->record.ingress_epoch;
  return FL_REASON_FORWARDED;
}

/* Looks the hops up again after addresses have moved. The pods of a connection stay what they are: the
 * connection of a pod that is gone ends. */
static __always_inline int refresh_ways(struct fl_ct_record *r, const struct tuple *out, struct flow *flow,
                                        __u16 epoch) {
  struct way to = {};
  int reason = find_way(&out->destination, &to);
  if (reason) return reason;
  if (to.endpoint != flow->to.endpoint) return FL_REASON_NO_SUCH_POD;
  flow->to = to;
  if (explain) return FL_REASON_FORWARDED;
  if (flow->from_client) {
    r->server_hop = to.hop;
    r->server_node = to.node;
  } else {
    r->client_hop = to.hop;
    r->client_node = to.node;
  }
  r->route_epoch = epoch;
  return FL_REASON_FORWARDED;
}

static __always_inline bool backend_lives(const struct flow *flow, struct fl_ct_life life) {
  if (!(life.flags & FL_CT_TRANSLATED) && !(life.half_open & FL_CT_SOCKET_BACKEND)) return true;
  struct fl_ct_translation *x = entry(&ct_translation, flow->slot);
  return !x || !x->backend || backend_is_current(x->backend, x->backend_generation);
}

/* Whether a packet of a found connection begins another one: then it is no longer found. */
GLOBAL int renew(const struct packet *packet, struct flow *flow) {
  if (!packet || !flow || !flow->found) return 0;
  if (!flow->reopens) {
    struct fl_ct_record *r = entry(&ct_record, flow->slot);
    bool datagram = packet->tuple.protocol == PROTOCOL_UDP && packet->kind != PACKET_ICMP_ERROR;
    if (!r || !datagram || !flow->from_client || backend_lives(flow, life_read(r))) return 0;
  }
  flow->reopens = true;
  flow->found = false;
  flow->from_client = true;
  flow->translated = false;
  flow->out = packet->tuple;
  return 1;
}

/* Lets a packet of a found connection go on, or ends the connection and says why. */
GLOBAL int connection_continue(const struct packet *packet, struct flow *flow, struct opening *o) {
  if (!packet || !flow || !o) return FL_REASON_INTERNAL;
  struct fl_config *c = only_entry(&config);
  struct fl_ct_record *r = entry(&ct_record, flow->slot);
  if (!c || !r) return FL_REASON_INTERNAL;
  struct fl_ct_life life = life_read(r);
  trace_conntrack(flow, FL_REASON_FORWARDED, life.state);

  int reason = FL_REASON_FORWARDED;
  if (!backend_lives(flow, life)) reason = FL_REASON_BACKEND_GONE;
  if (!reason && r->route_epoch != c->route_epoch && !flow->own)
    reason = refresh_ways(r, &flow->out, flow, c->route_epoch);
  if (!reason && !(life.flags & FL_CT_FROM_HOST)) reason = admit_again(r, life, flow, o);
  if (reason) {
    connection_end(flow->slot, flow->generation);
    return reason;
  }
  connection_touch(r, packet, flow->from_client);
  return FL_REASON_FORWARDED;
}

/* Decides about a packet of no connection whose two ways are known, and makes its connection. */
GLOBAL int connection_open(const struct packet *packet, struct flow *flow, struct opening *o) {
  if (!packet || !flow || !o) return FL_REASON_INTERNAL;
  struct fl_config *c = only_entry(&config);
  if (!c) return FL_REASON_INTERNAL;
  trace_conntrack(flow, FL_REASON_FORWARDED, FL_CT_FREE);
  if (packet->kind == PACKET_ICMP_ERROR) return FL_REASON_ICMP_UNRELATED;

  bool mid_stream = packet->kind == PACKET_CONTINUES;
  __u8 protocol = packet->tuple.protocol;
  if (mid_stream && ((protocol != PROTOCOL_TCP && protocol != PROTOCOL_SCTP) || flow->translated))
    return FL_REASON_MID_STREAM;

  struct fl_ct_record *r = &o->record;
  __builtin_memset(r, 0, sizeof(*r));
  r->key = flow->key;
  r->client_endpoint = flow->from.endpoint;
  r->server_endpoint = flow->to.endpoint;
  r->client_hop = flow->from.hop;
  r->client_node = flow->from.node;
  r->server_hop = flow->to.hop;
  r->server_node = flow->to.node;
  r->route_epoch = c->route_epoch;
  r->packets = 1;
  r->bytes = packet->length;
  r->life.state = FL_CT_NEW;
  if (address_equal(&r->key.address[0], &packet->tuple.source) && r->key.port[0] == packet->tuple.source_port)
    r->life.flags |= FL_CT_CLIENT_IS_FIRST;
  if (flow->own) r->life.flags |= FL_CT_FROM_HOST;
  if (flow->translated)
    r->life.flags |= FL_CT_TRANSLATED;
  else if (flow->backend)
    r->life.half_open = FL_CT_SOCKET_BACKEND;
  if (flow->source_translated) r->life.flags |= FL_CT_SOURCE_TRANSLATED;

  /* The original client and the final server. */
  struct tuple t = packet->tuple;
  t.destination = flow->out.destination;
  t.destination_port = flow->out.destination_port;
  int reason = FL_REASON_FORWARDED;
  if (mid_stream) {
    r->life.flags |= FL_CT_ADOPTED | FL_CT_ANSWERED;
    r->life.state = packet->tcp_flags & (TCP_FIN | TCP_RST) ? FL_CT_CLOSING : FL_CT_ESTABLISHED;
    if (!flow->own && judge_both(&t, r, flow)) reason = FL_REASON_MID_STREAM;
  } else if (!flow->own) {
    reason = judge(&t, r, flow);
  }
  if (reason) return reason;

  if (flow->reopens) connection_end(flow->slot, flow->generation);
  o->owner = owner_of(r);
  o->translation.client = flow->out.source;
  o->translation.server = flow->out.destination;
  o->translation.client_port = flow->out.source_port;
  o->translation.server_port = flow->out.destination_port;
  o->translation.backend = flow->backend;
  o->translation.backend_generation = flow->backend_generation;
  o->translation.service = flow->service;
  reason = connection_make(o, flow);
  if (reason) return reason;
  flow->from_client = true;
  if (flow->translated) {
    flow->out.source_port = o->translation.client_port;
    flow->out.destination_port = o->translation.server_port;
  }
  report(packet, flow, FL_REASON_FORWARDED);
  return FL_REASON_FORWARDED;
}

#endif
