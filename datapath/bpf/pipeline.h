/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 6: what all hooks have in common between "the sender is who it claims to be" and the way out. */
#ifndef FAIRLEAD_BPF_PIPELINE_H
#define FAIRLEAD_BPF_PIPELINE_H

#include "datapath/bpf/admit.h"
#include "datapath/bpf/answer.h"
#include "datapath/bpf/fragment.h"
#include "datapath/bpf/parse.h"
#include "datapath/bpf/rewrite.h"
#include "datapath/bpf/route.h"
#include "datapath/bpf/sender.h"
#include "datapath/bpf/server.h"

static __always_inline void trace_parse(const struct packet *p, __u32 reason) {
  struct fl_trace_step *step = trace_step(FL_TRACE_PARSE, reason, FL_TRACE_MAP_NONE);
  if (!step) return;
  step->address = p->tuple.destination;
  step->port = p->tuple.destination_port;
  step->protocol = p->tuple.protocol;
}

/* Scratch of this CPU with the parsed packet. */
static __always_inline struct scratch *begin(struct __sk_buff *ctx, __u8 stage, int *reason) {
  struct scratch *s = scratch_begin(stage);
  if (!s) return NULL;
  trace_begin(stage);
  *reason = parse(ctx, &s->packet);
  if (!*reason && s->packet.fragment != FRAGMENT_NONE)
    *reason = follow_head(&s->packet, stage == FL_STAGE_REASSEMBLED);
  trace_parse(&s->packet, *reason);
  return s;
}

static __always_inline bool has_helper(void) {
  struct fl_config *c = only_entry(&config);
  return c && c->reassembly_ifindex;
}

/* A fragment without its head, whose sender was checked: to the helper device, if there is one. */
static __always_inline int collect(struct scratch *s) {
  struct fl_config *c = only_entry(&config);
  if (!c || !has_helper()) return drop(s, FL_REASON_FRAGMENT);
  trace_end(&s->flow, &s->packet.tuple, FL_REASON_FORWARDED);
  return bpf_redirect_peer(c->reassembly_ifindex, 0);
}

/* A packet that its connection lets go on, or that makes one. Of two first packets at once one finds the
 * other's connection. */
static __always_inline int admit_or_join(struct scratch *s) {
  if (s->flow.found) return connection_continue(&s->packet, &s->flow, &s->opening);
  int reason = connection_open(&s->packet, &s->flow, &s->opening);
  if (reason != FL_REASON_CT_CONFLICT || explain) return reason;
  if (!connection_find(&s->packet, &s->flow)) return reason;
  return connection_continue(&s->packet, &s->flow, &s->opening);
}

/* FORWARDED: the packet's connection lives, the packet has the addresses with which it goes on, and s->flow
 * tells where. */
static __always_inline int admit(struct __sk_buff *ctx, struct scratch *s) {
  int reason = check_way(&s->packet, &s->flow);
  if (reason) {
    trace_route(&s->flow, reason);
    /* The pod that the connection led to is gone; another one may have its place. */
    if (s->flow.found && reason == FL_REASON_NO_SUCH_POD) connection_end(s->flow.slot, s->flow.generation);
    return reason;
  }
  reason = admit_or_join(s);
  if (reason || !s->flow.translated) return reason;
  reason = s->packet.kind == PACKET_ICMP_ERROR ? rewrite_error(ctx, &s->packet, &s->flow.out)
                                               : rewrite(ctx, &s->packet, &s->flow.out);
  s->flow.rewritten = true;
  struct fl_trace_step *step = trace_step(FL_TRACE_TRANSLATION, reason, FL_TRACE_MAP_CT_TUPLE);
  if (step) {
    step->slot = s->flow.slot;
    step->service = s->flow.service;
    step->address = s->flow.from_client ? s->flow.out.destination : s->flow.out.source;
    step->port = s->flow.from_client ? s->flow.out.destination_port : s->flow.out.source_port;
    step->protocol = s->flow.out.protocol;
  }
  return reason;
}

/* The end of a refused packet: dropped, and where that helps its sender answered. */
static __always_inline int refuse(struct __sk_buff *ctx, struct scratch *s, __u32 reason) {
  int action = drop(s, reason);
  struct fl_config *c = only_entry(&config);
  if (!c) return action;
  bool tcp = s->packet.tuple.protocol == PROTOCOL_TCP && s->packet.kind != PACKET_ICMP_ERROR;
  bool nobody_serves = reason == FL_REASON_NO_ENDPOINTS || reason == FL_REASON_NO_SUCH_SERVICE;
  if (tcp && (nobody_serves || reason == FL_REASON_BACKEND_GONE)) {
    if (s->flow.translated && !s->flow.from_client) return action;
    return answer_with_reset(ctx, &s->packet) ? action : send_back(ctx);
  }
  if (!choose_answer(&s->packet, c, reason, s->flow.mtu, &s->answer)) return action;
  if (s->flow.rewritten) { /* the sender is to find in it what it sent */
    struct tuple sent = s->packet.tuple;
    s->packet.tuple = s->flow.out;
    s->packet.outer_source = s->flow.out.source;
    if (s->packet.kind == PACKET_ICMP_ERROR || rewrite(ctx, &s->packet, &sent)) return action;
    s->packet.tuple = sent;
    s->packet.outer_source = sent.source;
  }
  return answer_with_icmp(ctx, &s->packet, &s->answer) ? action : send_back(ctx);
}

#endif
