// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Into the tunnel from the node's own stack: tc egress of the VXLAN device. The device has no table of
 * its own; each packet is told which node it is for. */
#include "datapath/bpf/pipeline.h"

SEC("tc")
int overlay_egress(struct __sk_buff *ctx) {
  if (ctx->mark == MARK_JUDGED) {
    ctx->mark = 0;
    return TC_ACT_OK;
  }
  int reason = FL_REASON_FORWARDED;
  struct scratch *s = begin(ctx, FL_STAGE_OVERLAY_EGRESS, &reason);
  if (!s) return TC_ACT_SHOT;
  bool headless = reason == FL_REASON_FRAGMENT; /* its addresses are enough here */
  if (reason && !headless) return drop(s, reason);
  if (s->packet.kind == PACKET_NEIGHBOUR) return drop(s, FL_REASON_UNSUPPORTED_PROTOCOL);
  s->flow.out = s->packet.tuple;
  if (!headless) connection_find(&s->packet, &s->flow);
  if (s->flow.found && s->flow.translated) {
    reason = admit(ctx, s);
    if (reason) return drop(s, reason);
  }
  reason = find_way(&s->flow.out.destination, &s->flow.to);
  if (!reason && s->flow.to.hop != FL_HOP_REMOTE_NODE) reason = FL_REASON_NO_ROUTE;
  if (!reason) reason = aim_tunnel(ctx, s->flow.to.node);
  struct fl_config *c = only_entry(&config);
  if (!reason) reason = c ? write_overlay_macs(ctx, c) : FL_REASON_INTERNAL;
  trace_route(&s->flow, reason);
  if (reason) return drop(s, reason);
  trace_end(&s->flow, &s->flow.out, FL_REASON_FORWARDED);
  return TC_ACT_OK;
}
