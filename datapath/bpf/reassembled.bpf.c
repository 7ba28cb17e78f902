// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Fragments that came before their head, put in order by the helper device's stack: tc ingress of the
 * helper device. Only our own programs send into it, after they have checked the sender. */
#include "datapath/bpf/pipeline.h"

SEC("tc")
int reassembled(struct __sk_buff *ctx) {
  int reason = FL_REASON_FORWARDED;
  struct scratch *s = begin(ctx, FL_STAGE_REASSEMBLED, &reason);
  if (!s) return TC_ACT_SHOT;
  if (reason) return drop(s, reason);
  if (s->packet.kind == PACKET_NEIGHBOUR) return TC_ACT_OK;

  connection_find(&s->packet, &s->flow);
  if (s->flow.found) renew(&s->packet, &s->flow);
  if (!s->flow.found) {
    reason = find_way(&s->packet.tuple.source, &s->flow.from);
    if (!reason) reason = choose_server(&s->packet, &s->flow);
    bool ours = s->flow.from.endpoint || s->flow.to.hop == FL_HOP_LOCAL_POD || s->flow.translated;
    if (!reason && !ours) return TC_ACT_OK;
  }
  if (!reason) reason = admit(ctx, s);
  int action = reason ? TC_ACT_SHOT : forward(ctx, s, &reason);
  return reason ? drop(s, reason) : action;
}
