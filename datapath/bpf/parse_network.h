/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 2: IPv4 (RFC 791) with options, IPv6 (RFC 8200) with at most MAX_EXTENSIONS extension headers.
 * Lengths are checked here, once; whoever comes later trusts them. */
#ifndef FAIRLEAD_BPF_PARSE_NETWORK_H
#define FAIRLEAD_BPF_PARSE_NETWORK_H

#include "datapath/bpf/packet.h"

#define MAX_EXTENSIONS 6

#define NEXT_HOP_BY_HOP 0
#define NEXT_ROUTING 43
#define NEXT_FRAGMENT 44
#define NEXT_AUTHENTICATION 51
#define NEXT_DESTINATION 60

/* What the network header says of the transport behind it. */
struct network {
  struct fl_address source;
  struct fl_address destination;
  __be32 fragment_id;
  __u32 l4;              /* offsets from the start of the frame */
  __u32 end;             /* of the IP packet */
  __u16 fragment_offset; /* bytes */
  __u8 protocol;
  __u8 fragment;
  __u8 hop_limit;
  __u8 dont_fragment;
  __u8 pad[2];
};

/* IPv4 header at `l3`. `quoted`: inside an ICMP error, where the packet behind it is cut off. */
static __always_inline int parse_ipv4(struct __sk_buff *ctx, __u32 l3, bool quoted, struct network *n) {
  struct iphdr ip;
  if (quoted ? bpf_skb_load_bytes(ctx, l3, &ip, sizeof(ip)) : load(ctx, l3, &ip, sizeof(ip)))
    return FL_REASON_MALFORMED;
  __u32 header = ip.ihl * 4;
  __u32 total = bpf_ntohs(ip.tot_len);
  __u32 present = ctx->len - l3;
  if (total == 0 && ctx->gso_size) total = present; /* BIG TCP */
  if (ip.version != 4 || header < sizeof(ip) || total < header) return FL_REASON_MALFORMED;
  if (total > present && !quoted) return FL_REASON_MALFORMED;

  n->source = address_of_v4(ip.saddr);
  n->destination = address_of_v4(ip.daddr);
  n->l4 = l3 + header;
  n->end = l3 + (total < present ? total : present);
  if (n->l4 > n->end) return FL_REASON_MALFORMED;
  n->protocol = ip.protocol;
  n->hop_limit = ip.ttl;
  __u16 offset = bpf_ntohs(ip.frag_off);
  n->fragment = offset & 0x1fff ? FRAGMENT_LATER : offset & 0x2000 ? FRAGMENT_FIRST : FRAGMENT_NONE;
  n->fragment_id = ip.id;
  n->fragment_offset = (offset & 0x1fff) * 8;
  if (n->fragment_offset && n->fragment_offset + total - header > 0xffff) return FL_REASON_MALFORMED;
  n->dont_fragment = !!(offset & 0x4000);
  return FL_REASON_FORWARDED;
}

/* One extension header at n->l4: n->protocol and n->l4 move on. */
static __always_inline int skip_extension(struct __sk_buff *ctx, struct network *n) {
  struct {
    __u8 next;
    __u8 length;
    __be16 offset; /* of a fragment header */
    __be32 id;
  } header;
  if (n->l4 + sizeof(header) > n->end) return FL_REASON_MALFORMED;
  if (bpf_skb_load_bytes(ctx, n->l4, &header, sizeof(header))) return FL_REASON_MALFORMED;
  __u32 size = (header.length + 1) * 8;
  if (n->protocol == NEXT_AUTHENTICATION) size = (header.length + 2) * 4;
  if (n->protocol == NEXT_FRAGMENT) {
    size = sizeof(header);
    __u16 offset = bpf_ntohs(header.offset);
    /* A fragment that is whole (RFC 6946) is treated as such. */
    n->fragment = offset & 0xfff8 ? FRAGMENT_LATER : offset & 1 ? FRAGMENT_FIRST : FRAGMENT_NONE;
    n->fragment_id = header.id;
    n->fragment_offset = offset & 0xfff8;
  }
  n->protocol = header.next;
  n->l4 += size;
  if (n->l4 > n->end) return FL_REASON_MALFORMED;
  bool beyond = n->fragment_offset && n->fragment_offset + (n->end - n->l4) > 0xffff;
  return beyond ? FL_REASON_MALFORMED : FL_REASON_FORWARDED;
}

static __always_inline bool is_extension(__u8 next) {
  return next == NEXT_HOP_BY_HOP || next == NEXT_ROUTING || next == NEXT_FRAGMENT ||
         next == NEXT_AUTHENTICATION || next == NEXT_DESTINATION;
}

static __always_inline int parse_ipv6(struct __sk_buff *ctx, __u32 l3, bool quoted, struct network *n) {
  struct ipv6hdr ip;
  if (quoted ? bpf_skb_load_bytes(ctx, l3, &ip, sizeof(ip)) : load(ctx, l3, &ip, sizeof(ip)))
    return FL_REASON_MALFORMED;
  __u32 total = bpf_ntohs(ip.payload_len) + sizeof(ip);
  __u32 present = ctx->len - l3;
  if (ip.payload_len == 0 && ctx->gso_size) total = present; /* BIG TCP */
  if (ip.version != 6) return FL_REASON_MALFORMED;
  if (total > present && !quoted) return FL_REASON_MALFORMED;

  __builtin_memcpy(&n->source, &ip.saddr, sizeof(n->source));
  __builtin_memcpy(&n->destination, &ip.daddr, sizeof(n->destination));
  /* IPv4 addresses have no place in an IPv6 header: they would pass for a pod's. */
  if (address_is_v4(&n->source) || address_is_v4(&n->destination)) return FL_REASON_MALFORMED;
  n->l4 = l3 + sizeof(ip);
  n->end = l3 + (total < present ? total : present);
  n->protocol = ip.nexthdr;
  n->hop_limit = ip.hop_limit;
  n->fragment = FRAGMENT_NONE;
  n->dont_fragment = true;
  for (__u32 i = 0; i < MAX_EXTENSIONS && is_extension(n->protocol); i++) {
    int reason = skip_extension(ctx, n);
    if (reason) return reason;
    if (n->fragment == FRAGMENT_LATER) return FL_REASON_FORWARDED;
  }
  return is_extension(n->protocol) ? FL_REASON_MALFORMED : FL_REASON_FORWARDED;
}

#endif
