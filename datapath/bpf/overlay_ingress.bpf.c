// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Out of the tunnel: tc ingress of the VXLAN device. */
#include "datapath/bpf/pipeline.h"

static __always_inline bool outer_source_of(struct __sk_buff *ctx, struct fl_address *source) {
  if (facts_given) {
    struct fl_explain_input *input = only_entry(&explain_input);
    if (input) *source = input->outer_source;
    return input;
  }
  struct bpf_tunnel_key key = {};
  if (!bpf_skb_get_tunnel_key(ctx, &key, sizeof(key), 0)) {
    *source = address_of_v4(bpf_htonl(key.remote_ipv4));
    return true;
  }
  if (bpf_skb_get_tunnel_key(ctx, &key, sizeof(key), BPF_F_TUNINFO_IPV6)) return false;
  __builtin_memcpy(source, key.remote_ipv6, sizeof(*source));
  return true;
}

SEC("tc")
int overlay_ingress(struct __sk_buff *ctx) {
  int reason = FL_REASON_FORWARDED;
  struct scratch *s = begin(ctx, FL_STAGE_OVERLAY_INGRESS, &reason);
  if (!s) return TC_ACT_SHOT;
  bool headless = reason == FL_REASON_FRAGMENT;
  if (reason && !headless) return drop(s, reason);
  if (s->packet.kind == PACKET_NEIGHBOUR) return drop(s, FL_REASON_UNSUPPORTED_PROTOCOL);
  struct fl_address outer_source;
  if (!outer_source_of(ctx, &outer_source)) return drop(s, FL_REASON_SPOOFED_OVERLAY);

  if (!headless) connection_find(&s->packet, &s->flow);
  reason = check_tunnel_sender(&s->packet, &s->flow, &outer_source);
  if (reason) return drop(s, reason);
  if (headless) return collect(s);
  if (s->flow.found) renew(&s->packet, &s->flow);
  if (!s->flow.found) {
    reason = choose_server(&s->packet, &s->flow);
    if (!reason && !s->flow.translated) {
      if (s->flow.to.hop == FL_HOP_HOST) return TC_ACT_OK;
      if (s->flow.to.hop != FL_HOP_LOCAL_POD) reason = FL_REASON_NO_ROUTE;
    }
  }
  if (!reason) reason = admit(ctx, s);
  int action = reason ? TC_ACT_SHOT : forward(ctx, s, &reason);
  return reason ? drop(s, reason) : action;
}
