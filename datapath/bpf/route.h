/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 5: a judged packet goes on: into a local pod, through the tunnel, to a neighbour, or up the stack. */
#ifndef FAIRLEAD_BPF_ROUTE_H
#define FAIRLEAD_BPF_ROUTE_H

#include "datapath/bpf/sender.h"
#include "datapath/bpf/verdict.h"

/* On packets that our own programs send out of a device, so that its egress program lets them by. */
#define MARK_JUDGED 0xfa19ead0u

static __always_inline void trace_route(const struct flow *flow, __u32 reason) {
  struct fl_trace_step *step = trace_step(FL_TRACE_ROUTE, reason, flow->to.map);
  if (!step) return;
  step->endpoint = flow->to.endpoint;
  step->hop = flow->to.hop;
  step->node = flow->to.node;
  step->address = flow->out.destination;
}

/* Whether the packet can go its way at all; asked before it may change any state. A receiving pod must be
 * programmed and still have the address; a packet that leaves the node needs a hop left. */
static __always_inline int check_way(const struct packet *p, const struct flow *flow) {
  if (flow->to.hop == FL_HOP_REMOTE_NODE || flow->to.hop == FL_HOP_OUTSIDE)
    return p->hop_limit <= 1 ? FL_REASON_TTL_EXCEEDED : FL_REASON_FORWARDED;
  if (flow->to.hop != FL_HOP_LOCAL_POD) return FL_REASON_FORWARDED;
  struct fl_endpoint *e = endpoint_at(flow->to.endpoint);
  if (!e || !endpoint_has(e, &flow->out.destination)) return FL_REASON_NO_SUCH_POD;
  if (!(e->flags & FL_ENDPOINT_READY)) return FL_REASON_NOT_PROGRAMMED;
  return FL_REASON_FORWARDED;
}

/* What bpf_redirect_peer() answers, or the negative of a reason. */
static __always_inline int deliver_to_pod(struct __sk_buff *ctx, const struct flow *flow) {
  struct fl_endpoint *e = endpoint_at(flow->to.endpoint);
  if (!e) return -FL_REASON_INTERNAL;
  __u8 macs[2 * ETH_ALEN];
  __builtin_memcpy(macs, e->mac, ETH_ALEN);
  __builtin_memcpy(macs + ETH_ALEN, e->host_mac, ETH_ALEN);
  if (bpf_skb_store_bytes(ctx, 0, macs, sizeof(macs), 0)) return -FL_REASON_INTERNAL;
  return bpf_redirect_peer(e->ifindex, 0);
}

/* One hop less to live. */
GLOBAL int take_hop(struct __sk_buff *ctx, const struct packet *p) {
  if (!p || p->hop_limit <= 1) return FL_REASON_INTERNAL;
  __u8 left = p->hop_limit - 1;
  if (p->is_v6)
    return bpf_skb_store_bytes(ctx, p->l3 + offsetof(struct ipv6hdr, hop_limit), &left, 1, 0)
               ? FL_REASON_INTERNAL
               : FL_REASON_FORWARDED;
  /* The checksum covers words of (ttl, protocol). */
  __u8 protocol = p->kind == PACKET_ICMP_ERROR ? PROTOCOL_ICMP : p->tuple.protocol;
  __be16 old = bpf_htons(p->hop_limit << 8 | protocol), new = bpf_htons(left << 8 | protocol);
  if (bpf_l3_csum_replace(ctx, p->l3 + offsetof(struct iphdr, check), old, new, 2) ||
      bpf_skb_store_bytes(ctx, p->l3 + offsetof(struct iphdr, ttl), &left, 1, 0))
    return FL_REASON_INTERNAL;
  return FL_REASON_FORWARDED;
}

/* Whether the packet fits into `mtu`. One that does not and may be fragmented goes up to the stack, which
 * does that; not one whose source is the node's own by now: the stack takes it for forged. */
static __always_inline int check_mtu(const struct packet *p, struct flow *flow, __u32 mtu, bool *to_stack) {
  if (!mtu || p->segment <= mtu) return FL_REASON_FORWARDED;
  flow->mtu = mtu;
  *to_stack = !p->dont_fragment && !flow->source_translated;
  return *to_stack ? FL_REASON_FORWARDED : FL_REASON_MTU_EXCEEDED;
}

/* Sends the packet where the kernel's routes say. What bpf_redirect_neigh() answers; TC_ACT_OK: it is for
 * the stack after all; or the negative of a reason. */
GLOBAL int leave_by_route(struct __sk_buff *ctx, const struct packet *p, struct flow *flow) {
  if (!p || !flow) return -FL_REASON_INTERNAL;
  struct bpf_fib_lookup fib = {.ifindex = ctx->ifindex, .l4_protocol = flow->out.protocol};
  fib.tot_len = p->segment < 0xffff ? p->segment : 0xffff;
  if (p->is_v6) {
    fib.family = AF_INET6;
    __builtin_memcpy(fib.ipv6_src, &flow->out.source, sizeof(fib.ipv6_src));
    __builtin_memcpy(fib.ipv6_dst, &flow->out.destination, sizeof(fib.ipv6_dst));
  } else {
    fib.family = AF_INET;
    fib.ipv4_src = flow->out.source.word[3];
    fib.ipv4_dst = flow->out.destination.word[3];
  }
  long found = bpf_fib_lookup(ctx, &fib, sizeof(fib), 0);
  if (found == BPF_FIB_LKUP_RET_NOT_FWDED || found == BPF_FIB_LKUP_RET_FWD_DISABLED) return TC_ACT_OK;
  if (found == BPF_FIB_LKUP_RET_FRAG_NEEDED) {
    bool to_stack = false;
    int reason = check_mtu(p, flow, fib.mtu_result, &to_stack);
    return reason ? -reason : TC_ACT_OK;
  }
  if (found != BPF_FIB_LKUP_RET_SUCCESS && found != BPF_FIB_LKUP_RET_NO_NEIGH) return -FL_REASON_NO_ROUTE;

  int reason = take_hop(ctx, p);
  if (reason) return -reason;
  ctx->mark = MARK_JUDGED;
  struct bpf_redir_neigh next = {.nh_family = fib.family};
  __builtin_memcpy(next.ipv6_nh, fib.ipv6_dst, sizeof(next.ipv6_nh));
  return bpf_redirect_neigh(fib.ifindex, &next, sizeof(next), 0);
}

static __always_inline bool fill_tunnel_key(const struct fl_address *to, const struct fl_config *c,
                                            struct bpf_tunnel_key *key) {
  key->tunnel_id = c->vni;
  key->tunnel_ttl = 64;
  if (address_is_v4(to))
    key->remote_ipv4 = bpf_ntohl(to->word[3]);
  else
    __builtin_memcpy(key->remote_ipv6, to, sizeof(key->remote_ipv6));
  return !address_is_v4(to);
}

/* Tells the VXLAN device which node a packet is for. */
GLOBAL int aim_tunnel(struct __sk_buff *ctx, __u32 node_index) {
  struct fl_config *c = only_entry(&config);
  struct fl_node *to = entry(&node, node_index);
  if (!c || !to || !node_index) return FL_REASON_INTERNAL;
  struct bpf_tunnel_key key = {};
  bool is_v6 = fill_tunnel_key(&to->address, c, &key);
  __u64 flags = is_v6 ? BPF_F_TUNINFO_IPV6 : BPF_F_ZERO_CSUM_TX;
  if (bpf_skb_set_tunnel_key(ctx, &key, sizeof(key), flags)) return FL_REASON_INTERNAL;
  return FL_REASON_FORWARDED;
}

/* Inner link-layer addresses. The source differs from the destination, which every VXLAN device has, for
 * a VXLAN device drops what seems to come from itself. */
static __always_inline int write_overlay_macs(struct __sk_buff *ctx, const struct fl_config *c) {
  __u8 macs[2 * ETH_ALEN];
  __builtin_memcpy(macs, c->overlay_mac, ETH_ALEN);
  __builtin_memcpy(macs + ETH_ALEN, c->overlay_mac, ETH_ALEN);
  macs[2 * ETH_ALEN - 1] ^= 1;
  return bpf_skb_store_bytes(ctx, 0, macs, sizeof(macs), 0) ? FL_REASON_INTERNAL : FL_REASON_FORWARDED;
}

static __always_inline int leave_by_tunnel(struct __sk_buff *ctx, struct scratch *s,
                                           const struct fl_config *c) {
  bool to_stack = false;
  int reason = check_mtu(&s->packet, &s->flow, c->overlay_mtu, &to_stack);
  if (to_stack) return TC_ACT_OK;
  if (!reason) reason = aim_tunnel(ctx, s->flow.to.node);
  if (!reason) reason = take_hop(ctx, &s->packet);
  if (!reason) reason = write_overlay_macs(ctx, c);
  if (reason) return -reason;
  ctx->mark = MARK_JUDGED;
  return bpf_redirect(c->overlay_ifindex, 0);
}

/* An answer, back by the device on which its cause came: into the pod, or out again. */
static __always_inline int send_back(struct __sk_buff *ctx) {
  if (endpoint_of_device(ctx->ifindex)) return bpf_redirect_peer(ctx->ifindex, 0);
  ctx->mark = MARK_JUDGED;
  return bpf_redirect(ctx->ifindex, 0);
}

/* Sends a packet that was let through on its way, from tc ingress only; or says why not in `refused`. */
static __always_inline int forward(struct __sk_buff *ctx, struct scratch *s, int *refused) {
  struct fl_config *c = only_entry(&config);
  *refused = FL_REASON_INTERNAL;
  if (!c) return TC_ACT_SHOT;
  int action = TC_ACT_OK;
  int reason = FL_REASON_FORWARDED;
  switch (s->flow.to.hop) {
    case FL_HOP_LOCAL_POD:
      action = deliver_to_pod(ctx, &s->flow);
      break;
    case FL_HOP_HOST:
      break;
    case FL_HOP_REMOTE_NODE:
      action = c->flags & FL_CONFIG_OVERLAY ? leave_by_tunnel(ctx, s, c)
                                            : leave_by_route(ctx, &s->packet, &s->flow);
      break;
    case FL_HOP_OUTSIDE:
      action = leave_by_route(ctx, &s->packet, &s->flow);
      break;
    default:
      reason = FL_REASON_INTERNAL;
  }
  if (action < 0) reason = -action;
  trace_route(&s->flow, reason);
  if (!reason) trace_end(&s->flow, &s->flow.out, FL_REASON_FORWARDED);
  *refused = reason;
  return action;
}

#endif
