// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* From other nodes and the outside: tc ingress of the node's devices. What is neither for a pod of this
 * node nor translated by us is none of our business and stays with the stack. */
#include "datapath/bpf/pipeline.h"

SEC("tc")
int node_ingress(struct __sk_buff *ctx) {
  int reason = FL_REASON_FORWARDED;
  struct scratch *s = begin(ctx, FL_STAGE_NODE_INGRESS, &reason);
  if (!s) return TC_ACT_SHOT;
  bool headless = reason == FL_REASON_FRAGMENT;
  /* The stack drops malformed packets to itself; towards a pod they meet pod_ingress. */
  if ((reason && !headless) || s->packet.kind == PACKET_NEIGHBOUR) return TC_ACT_OK;
  /* To another link-layer address, or to all: the stack forwards none of these (RFC 1122, 3.3.6). */
  if (ctx->pkt_type != PACKET_HOST) return TC_ACT_OK;

  if (!headless) connection_find(&s->packet, &s->flow);
  reason = check_underlay_sender(&s->packet, &s->flow);
  if (reason) return drop(s, reason);
  if (headless) {
    /* The stack collects what is for itself; but it may be the answer to a pod under the node's address. */
    find_way(&s->packet.tuple.destination, &s->flow.to);
    bool for_stack = s->flow.to.hop == FL_HOP_OUTSIDE || s->flow.to.hop == FL_HOP_REMOTE_NODE;
    if (for_stack || (s->flow.to.hop == FL_HOP_HOST && !has_helper())) return TC_ACT_OK;
    if (s->flow.to.hop == FL_HOP_LOCAL_POD) reason = check_possible(&s->packet, &s->flow);
    return reason ? drop(s, reason) : collect(s);
  }
  if (s->flow.found) renew(&s->packet, &s->flow);
  if (!s->flow.found) {
    reason = choose_server(&s->packet, &s->flow);
    if (!reason && s->flow.to.hop != FL_HOP_LOCAL_POD && !s->flow.translated) return TC_ACT_OK;
  }
  if (check_possible(&s->packet, &s->flow)) return drop(s, FL_REASON_IMPOSSIBLE_SOURCE);
  if (!reason) reason = admit(ctx, s);
  int action = reason ? TC_ACT_SHOT : forward(ctx, s, &reason);
  return reason ? refuse(ctx, s, reason) : action;
}
