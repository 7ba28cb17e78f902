/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 2: a frame -> struct packet. */
#ifndef FAIRLEAD_BPF_PARSE_H
#define FAIRLEAD_BPF_PARSE_H

#include "datapath/bpf/parse_network.h"
#include "datapath/bpf/parse_transport.h"

/* The packet that an ICMP error quotes, turned round: the tuple of the error. Its ports are all that is
 * asked of the transport header: 8 bytes are quoted at least. */
GLOBAL int parse_quoted(struct __sk_buff *ctx, struct packet *p) {
  if (!p) return FL_REASON_INTERNAL;
  struct network n = {};
  p->quoted_l3 = p->l4 + 8;
  int reason = p->is_v6 ? parse_ipv6(ctx, p->quoted_l3, true, &n) : parse_ipv4(ctx, p->quoted_l3, true, &n);
  if (reason) return reason;
  if (n.fragment == FRAGMENT_LATER) return FL_REASON_ICMP_UNRELATED;
  struct {
    union {
      struct ports ports;
      __u8 icmp_type;
    };
    __be16 id;
    __be16 sequence;
  } head = {};
  if (n.l4 + sizeof(head) > n.end || bpf_skb_load_bytes(ctx, n.l4, &head, sizeof(head)))
    return FL_REASON_MALFORMED;
  if (!address_equal(&n.source, &p->tuple.destination)) return FL_REASON_ICMP_UNRELATED;
  p->quoted_l4 = n.l4;
  p->tuple.source = n.destination;
  p->tuple.protocol = n.protocol;
  if (n.protocol == PROTOCOL_TCP || n.protocol == PROTOCOL_UDP || n.protocol == PROTOCOL_SCTP) {
    p->tuple.source_port = head.ports.destination;
    p->tuple.destination_port = head.ports.source;
  } else if (n.protocol == PROTOCOL_ICMP || n.protocol == PROTOCOL_ICMPV6) {
    /* Nobody answers an error by an error (RFC 1122, 3.2.2; RFC 4443, 2.4). */
    if (icmp_is_error(p->is_v6, head.icmp_type)) return FL_REASON_ICMP_UNRELATED;
    p->tuple.source_port = head.id;
    p->tuple.destination_port = head.id;
  }
  p->kind = PACKET_ICMP_ERROR;
  return FL_REASON_FORWARDED;
}

/* The frame's headers up to the transport's. FORWARDED, MALFORMED or UNSUPPORTED_PROTOCOL. */
GLOBAL int parse_headers(struct __sk_buff *ctx, struct packet *p) {
  if (!p) return FL_REASON_INTERNAL;
  struct ethhdr eth;
  __builtin_memset(p, 0, sizeof(*p));
  p->length = ctx->len - sizeof(eth);
  if (load(ctx, 0, &eth, sizeof(eth))) return FL_REASON_MALFORMED;
  __builtin_memcpy(p->mac, eth.h_source, sizeof(p->mac));
  if (ctx->vlan_present) return FL_REASON_UNSUPPORTED_PROTOCOL;
  if (eth.h_proto == bpf_htons(ETH_P_ARP)) {
    p->kind = PACKET_NEIGHBOUR;
    return FL_REASON_FORWARDED;
  }
  if (eth.h_proto != bpf_htons(ETH_P_IP) && eth.h_proto != bpf_htons(ETH_P_IPV6))
    return FL_REASON_UNSUPPORTED_PROTOCOL;

  struct network n = {};
  p->l3 = sizeof(eth);
  p->is_v6 = eth.h_proto == bpf_htons(ETH_P_IPV6);
  int reason = p->is_v6 ? parse_ipv6(ctx, p->l3, false, &n) : parse_ipv4(ctx, p->l3, false, &n);
  if (reason) return reason;
  p->length = n.end - p->l3;
  p->l4 = n.l4;
  p->tuple.source = n.source;
  p->tuple.destination = n.destination;
  p->tuple.protocol = n.protocol;
  p->outer_source = n.source;
  p->fragment = n.fragment;
  p->fragment_id = n.fragment_id;
  p->fragment_offset = n.fragment_offset;
  p->hop_limit = n.hop_limit;
  p->dont_fragment = n.dont_fragment;
  reason = parse_transport(ctx, p, n.end);
  p->segment = p->length;
  __u32 gso_size = ctx->gso_size;
  if (gso_size) p->segment = gso_size + p->l4 - p->l3 + (p->transport ? p->transport : 8);
  return reason;
}

static __always_inline int parse(struct __sk_buff *ctx, struct packet *p) {
  int reason = parse_headers(ctx, p);
  if (!reason && p->kind == PACKET_ICMP_ERROR) reason = parse_quoted(ctx, p);
  return reason;
}

#endif
