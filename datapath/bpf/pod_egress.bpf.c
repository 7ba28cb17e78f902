// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* From a pod: tc ingress of the host's end of its link. The receiver's ingress policy is decided here
 * too when it lives on this node: the packet does not come by again. */
#include "datapath/bpf/neighbour.h"
#include "datapath/bpf/pipeline.h"
#include "datapath/bpf/socket_choice.h"

/* Of a packet whose sender was not looked at: its pod is that of the device, whatever it claims. */
static __always_inline int drop_unchecked(struct scratch *s, __u32 reason, __u32 ifindex) {
  s->flow.from.endpoint = endpoint_of_device(ifindex);
  return drop(s, reason);
}

SEC("tc")
int pod_egress(struct __sk_buff *ctx) {
  int reason = FL_REASON_FORWARDED;
  struct scratch *s = begin(ctx, FL_STAGE_POD_EGRESS, &reason);
  if (!s) return TC_ACT_SHOT;
  bool headless = reason == FL_REASON_FRAGMENT;
  if (reason && !headless) return drop_unchecked(s, reason, ctx->ifindex);
  if (s->packet.kind == PACKET_NEIGHBOUR || address_is_link_local(&s->packet.outer_source)) {
    reason = check_neighbour(&s->packet, ctx->ifindex);
    return reason ? drop_unchecked(s, reason, ctx->ifindex) : TC_ACT_OK;
  }
  if (address_is_multicast(&s->packet.tuple.destination))
    return drop_unchecked(s, FL_REASON_MULTICAST, ctx->ifindex);
  /* The host's stack would take them for its own where route_localnet is set. */
  if (address_stays_home(&s->packet.tuple.destination))
    return drop_unchecked(s, FL_REASON_NO_ROUTE, ctx->ifindex);

  if (!headless) connection_find(&s->packet, &s->flow);
  reason = check_pod_sender(&s->packet, &s->flow, ctx->ifindex);
  if (!reason && headless) return collect(s);
  if (!reason && s->flow.found) renew(&s->packet, &s->flow);
  if (!reason && !s->flow.found) reason = choose_server(&s->packet, &s->flow);
  if (!reason && !s->flow.found && !s->flow.backend)
    reason = recall_backend(&s->packet, &s->flow, bpf_get_socket_cookie(ctx));
  if (!reason) reason = admit(ctx, s);
  int action = reason ? TC_ACT_SHOT : forward(ctx, s, &reason);
  return reason ? refuse(ctx, s, reason) : action;
}
