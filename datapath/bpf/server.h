/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 4: where a new connection goes, and under which addresses: Services and masquerade.
 *
 * The server sees the client's own address, but for three cases, in which it sees the node's:
 *   1. a pod that reaches itself through a Service: it would refuse a packet from itself;
 *   2. a client from beyond this node whose NodePort is served beyond it too: the answer must come back
 *      through here;
 *   3. masquerade: a pod of this node to the outside, where that is not declared native. */
#ifndef FAIRLEAD_BPF_SERVER_H
#define FAIRLEAD_BPF_SERVER_H

#include "datapath/bpf/service.h"
#include "datapath/bpf/topology.h"

/* `kind`: whether a packet or a socket asked. */
static __always_inline void trace_service(__u8 kind, const struct service_question *q, __u32 reason) {
  struct fl_trace_step *step =
      trace_step(kind, reason, reason ? FL_TRACE_MAP_FRONTEND : FL_TRACE_MAP_BACKEND);
  if (!step) return;
  step->service = q->service;
  step->backend = reason ? 0 : q->backend;
  step->address = q->address;
  step->port = q->port;
  step->protocol = q->protocol;
}

static __always_inline void trace_no_service(__u8 kind, const struct fl_address *address, __be16 port,
                                             __u8 protocol) {
  struct fl_trace_step *step = trace_step(kind, FL_REASON_NO_SUCH_SERVICE, FL_TRACE_MAP_POD_RANGE);
  if (!step) return;
  step->address = *address;
  step->port = port;
  step->protocol = protocol;
}

static __always_inline bool has_ports(__u8 protocol) {
  return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP || protocol == PROTOCOL_SCTP;
}

static __always_inline bool source_must_change(const struct flow *flow, const struct fl_config *c) {
  if (flow->own) return false;
  bool from_here = flow->from.hop == FL_HOP_LOCAL_POD;
  if (from_here && flow->to.hop == FL_HOP_LOCAL_POD) return flow->from.endpoint == flow->to.endpoint;
  bool leaves = flow->to.hop == FL_HOP_REMOTE_NODE || flow->to.hop == FL_HOP_OUTSIDE;
  if (!from_here) return flow->translated && leaves;
  return flow->to.hop == FL_HOP_OUTSIDE && !flow->to.native && c->flags & FL_CONFIG_MASQUERADE;
}

/* Fills flow->to and flow->out for a packet of no connection. */
GLOBAL int choose_server(const struct packet *packet, struct flow *flow) {
  if (!packet || !flow) return FL_REASON_INTERNAL;
  struct fl_config *c = only_entry(&config);
  if (!c) return FL_REASON_INTERNAL;
  int reason = find_way(&flow->out.destination, &flow->to);

  if (packet->kind != PACKET_ICMP_ERROR && has_ports(packet->tuple.protocol)) {
    struct service_question q = {.client = packet->tuple.source,
                                 .address = packet->tuple.destination,
                                 .port = packet->tuple.destination_port,
                                 .protocol = packet->tuple.protocol,
                                 .to_node = flow->to.hop == FL_HOP_HOST,
                                 .from_outside = flow->from.hop != FL_HOP_LOCAL_POD};
    int refused = ask_service(&q);
    if (q.found) {
      trace_service(FL_TRACE_SERVICE, &q, refused);
      flow->service = q.service;
      if (refused) return refused;
      flow->translated = true;
      flow->backend = q.backend;
      flow->backend_generation = q.backend_generation;
      flow->out.destination = q.server;
      flow->out.destination_port = q.server_port;
      reason = find_way(&flow->out.destination, &flow->to);
    }
  }
  if (reason) return reason;
  if (flow->to.service) {
    const struct tuple *t = &packet->tuple;
    trace_no_service(FL_TRACE_SERVICE, &t->destination, t->destination_port, t->protocol);
    return FL_REASON_NO_SUCH_SERVICE;
  }

  if (source_must_change(flow, c)) {
    const struct fl_address *own = packet->is_v6 ? &c->node_v6 : &c->node_v4;
    if (address_is_zero(own)) return FL_REASON_NO_ROUTE;
    flow->translated = true;
    flow->source_translated = true;
    flow->out.source = *own;
  }
  return FL_REASON_FORWARDED;
}

#endif
