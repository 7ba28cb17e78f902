// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* To a pod from the node's stack: tc egress of the host's end of its link. What other hooks deliver goes
 * past here. "The node reaches its own pods" covers only what has a socket of the node; what it forwards
 * is judged as its client's. */
#include "datapath/bpf/pipeline.h"

/* Packets of request sockets and of the kernel itself (resets, echo replies) have a socket, too. */
static __always_inline bool is_own(struct __sk_buff *ctx) {
  if (facts_given) {
    struct fl_explain_input *input = only_entry(&explain_input);
    return input && input->own;
  }
  return ctx->sk != NULL;
}

/* The connection's receiver must be the pod behind this device, as it is now. */
static __always_inline int find_receiver(struct scratch *s, __u32 ifindex) {
  struct fl_endpoint *e = s->flow.found ? endpoint_at(s->flow.to.endpoint) : NULL;
  if (e && e->ifindex == ifindex && !s->flow.reopens) return FL_REASON_FORWARDED;
  if (s->flow.found && s->flow.reopens) {
    renew(&s->packet, &s->flow);
  } else if (s->flow.found) {
    forget(&s->packet, &s->flow);
  }
  s->flow.to.hop = FL_HOP_LOCAL_POD;
  s->flow.to.node = 0;
  s->flow.to.endpoint = endpoint_of_device(ifindex);
  return s->flow.to.endpoint ? FL_REASON_FORWARDED : FL_REASON_NOT_PROGRAMMED;
}

/* The node's own reports and solicitations to groups on the link: they belong to no connection. */
static __always_inline int admit_multicast(struct scratch *s, __u32 ifindex) {
  struct fl_endpoint *e = endpoint_at(endpoint_of_device(ifindex));
  if (!e || !(e->flags & FL_ENDPOINT_READY)) return FL_REASON_NOT_PROGRAMMED;
  return s->flow.own ? FL_REASON_FORWARDED : FL_REASON_MULTICAST;
}

SEC("tc")
int pod_ingress(struct __sk_buff *ctx) {
  int reason = FL_REASON_FORWARDED;
  struct scratch *s = begin(ctx, FL_STAGE_POD_INGRESS, &reason);
  if (!s) return TC_ACT_SHOT;
  if (reason) return drop(s, reason);
  if (s->packet.kind == PACKET_NEIGHBOUR) return TC_ACT_OK;
  s->flow.own = is_own(ctx);
  if (address_is_multicast(&s->packet.tuple.destination)) {
    reason = admit_multicast(s, ctx->ifindex);
    return reason ? drop(s, reason) : TC_ACT_OK;
  }

  connection_find(&s->packet, &s->flow);
  reason = find_receiver(s, ctx->ifindex);
  if (!reason && !s->flow.found) {
    if (s->flow.own)
      s->flow.from.hop = FL_HOP_HOST;
    else if (find_way(&s->packet.tuple.source, &s->flow.from) || s->flow.from.endpoint)
      reason = FL_REASON_SPOOFED_UNDERLAY; /* pods' own packets never come this way */
  }
  if (!reason) reason = admit(ctx, s);
  trace_route(&s->flow, reason);
  if (reason) return drop(s, reason);
  trace_end(&s->flow, &s->flow.out, FL_REASON_FORWARDED);
  return TC_ACT_OK;
}
