// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* To other nodes and the outside: tc egress of the node's devices. Only answers of the node's own
 * processes to connections that we translated are touched. */
#include "datapath/bpf/pipeline.h"

SEC("tc")
int node_egress(struct __sk_buff *ctx) {
  if (ctx->mark == MARK_JUDGED) {
    ctx->mark = 0;
    return TC_ACT_OK;
  }
  int reason = FL_REASON_FORWARDED;
  struct scratch *s = begin(ctx, FL_STAGE_NODE_EGRESS, &reason);
  if (!s || reason || s->packet.kind == PACKET_NEIGHBOUR) return TC_ACT_OK;
  connection_find(&s->packet, &s->flow);
  if (!s->flow.found || !s->flow.translated) return TC_ACT_OK;
  reason = admit(ctx, s);
  return reason ? drop(s, reason) : TC_ACT_OK;
}
