/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 6: what all hooks have in common between "the sender is who it claims to be" and the way out. */
#ifndef FAIRLEAD_BPF_PIPELINE_H
#define FAIRLEAD_BPF_PIPELINE_H

#include "datapath/bpf/admit.h"
#include "datapath/bpf/parse.h"
#include "datapath/bpf/route.h"
#include "datapath/bpf/sender.h"

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
  trace_parse(&s->packet, *reason);
  return s;
}

/* Where a packet of no connection goes. */
static __always_inline int choose_server(struct scratch *s) {
  return find_way(&s->flow.out.destination, &s->flow.to);
}

/* FORWARDED: the packet's connection lives and s->flow tells where the packet goes. */
static __always_inline int admit(struct scratch *s) {
  int reason = check_way(&s->packet, &s->flow);
  if (reason) {
    trace_route(&s->flow, reason);
    /* The pod that the connection led to is gone; another one may have its place. */
    if (s->flow.found && reason == FL_REASON_NO_SUCH_POD) connection_end(s->flow.slot, s->flow.generation);
    return reason;
  }
  if (s->flow.found) return connection_continue(&s->packet, &s->flow, &s->opening);
  return connection_open(&s->packet, &s->flow, &s->opening);
}

#endif
