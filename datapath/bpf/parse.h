/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 2: a frame -> struct packet. Lengths are checked here, once; whoever comes later trusts them.
 * IPv4 (RFC 791) with options, IPv6 (RFC 8200) with at most MAX_EXTENSIONS extension headers. */
#ifndef FAIRLEAD_BPF_PARSE_H
#define FAIRLEAD_BPF_PARSE_H

#include "datapath/bpf/packet.h"

#define MAX_EXTENSIONS 6
#define HEADERS_PULLED 128 /* bytes made linear when they are not */

#define NEXT_HOP_BY_HOP 0
#define NEXT_ROUTING 43
#define NEXT_FRAGMENT 44
#define NEXT_AUTHENTICATION 51
#define NEXT_DESTINATION 60

#define ICMP_ECHO_REPLY 0
#define ICMP_UNREACHABLE 3
#define ICMP_ECHO 8
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETER_PROBLEM 12

#define ICMPV6_UNREACHABLE 1
#define ICMPV6_PARAMETER_PROBLEM 4
#define ICMPV6_ECHO 128
#define ICMPV6_ECHO_REPLY 129
#define ICMPV6_MLD_QUERY 130
#define ICMPV6_ROUTER_SOLICIT 133
#define ICMPV6_NEIGHBOUR_SOLICIT 135
#define ICMPV6_NEIGHBOUR_ADVERT 136
#define ICMPV6_REDIRECT 137

struct ports {
  __be16 source;
  __be16 destination;
};

/* What the network header says of the transport behind it. */
struct network {
  struct fl_address source;
  struct fl_address destination;
  __be32 fragment_id;
  __u32 l4;  /* offsets from the start of the frame */
  __u32 end; /* of the IP packet */
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
  if (bpf_skb_load_bytes(ctx, l3, &ip, sizeof(ip))) return FL_REASON_MALFORMED;
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
  return n->l4 > n->end ? FL_REASON_MALFORMED : FL_REASON_FORWARDED;
}

static __always_inline bool is_extension(__u8 next) {
  return next == NEXT_HOP_BY_HOP || next == NEXT_ROUTING || next == NEXT_FRAGMENT ||
         next == NEXT_AUTHENTICATION || next == NEXT_DESTINATION;
}

static __always_inline int parse_ipv6(struct __sk_buff *ctx, __u32 l3, bool quoted, struct network *n) {
  struct ipv6hdr ip;
  if (bpf_skb_load_bytes(ctx, l3, &ip, sizeof(ip))) return FL_REASON_MALFORMED;
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

static __always_inline bool icmp_is_error(bool is_v6, __u8 type) {
  if (is_v6) return type >= ICMPV6_UNREACHABLE && type <= ICMPV6_PARAMETER_PROBLEM;
  return type == ICMP_UNREACHABLE || type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETER_PROBLEM;
}

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
    struct ports ports;
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
    p->tuple.source_port = head.id;
    p->tuple.destination_port = head.id;
  }
  p->kind = PACKET_ICMP_ERROR;
  return FL_REASON_FORWARDED;
}

static __always_inline int parse_icmp(struct __sk_buff *ctx, struct packet *p, __u32 end) {
  struct {
    __u8 type;
    __u8 code;
    __be16 checksum;
    __be16 id;
    __be16 sequence;
  } icmp;
  if (p->l4 + sizeof(icmp) > end || bpf_skb_load_bytes(ctx, p->l4, &icmp, sizeof(icmp)))
    return FL_REASON_MALFORMED;
  p->type = icmp.type;
  if (icmp_is_error(p->is_v6, icmp.type)) {
    p->kind = PACKET_ICMP_ERROR; /* parse_quoted() does the rest */
    return FL_REASON_FORWARDED;
  }
  bool request = icmp.type == (p->is_v6 ? ICMPV6_ECHO : ICMP_ECHO);
  bool reply = icmp.type == (p->is_v6 ? ICMPV6_ECHO_REPLY : ICMP_ECHO_REPLY);
  if (request || reply) {
    p->tuple.source_port = icmp.id;
    p->tuple.destination_port = icmp.id;
    p->kind = request ? PACKET_OPENS : PACKET_CONTINUES;
    return FL_REASON_FORWARDED;
  }
  if (p->is_v6 && icmp.type >= ICMPV6_MLD_QUERY && icmp.type <= ICMPV6_REDIRECT) {
    p->kind = PACKET_NEIGHBOUR;
    return p->hop_limit == 255 || icmp.type < ICMPV6_ROUTER_SOLICIT ? FL_REASON_FORWARDED
                                                                   : FL_REASON_MALFORMED;
  }
  p->kind = PACKET_OPENS; /* timestamps and the like: a connection without ports */
  return FL_REASON_FORWARDED;
}

static __always_inline int parse_tcp(struct __sk_buff *ctx, struct packet *p, __u32 end) {
  struct {
    struct ports ports;
    __be32 sequence;
    __be32 acknowledged;
    __u8 offset;
    __u8 flags;
    __u8 rest[6];
  } tcp;
  if (p->l4 + sizeof(tcp) > end || bpf_skb_load_bytes(ctx, p->l4, &tcp, sizeof(tcp)))
    return FL_REASON_MALFORMED;
  __u32 header = (tcp.offset >> 4) * 4;
  if (header < sizeof(tcp) || p->l4 + header > end) return FL_REASON_MALFORMED;
  p->tuple.source_port = tcp.ports.source;
  p->tuple.destination_port = tcp.ports.destination;
  p->tcp_flags = tcp.flags;
  p->transport = header;
  /* SYN with FIN or RST is no handshake (RFC 9293, 3.10.7). */
  if ((tcp.flags & TCP_SYN) && (tcp.flags & (TCP_FIN | TCP_RST))) return FL_REASON_MALFORMED;
  p->kind = (tcp.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN ? PACKET_OPENS : PACKET_CONTINUES;
  return FL_REASON_FORWARDED;
}

static __always_inline int parse_udp(struct __sk_buff *ctx, struct packet *p, __u32 end) {
  struct {
    struct ports ports;
    __be16 length;
    __be16 checksum;
  } udp;
  if (p->l4 + sizeof(udp) > end || bpf_skb_load_bytes(ctx, p->l4, &udp, sizeof(udp)))
    return FL_REASON_MALFORMED;
  __u32 length = bpf_ntohs(udp.length);
  if (length < sizeof(udp) || (p->l4 + length > end && p->fragment == FRAGMENT_NONE))
    return FL_REASON_MALFORMED;
  p->tuple.source_port = udp.ports.source;
  p->tuple.destination_port = udp.ports.destination;
  p->kind = PACKET_OPENS;
  return FL_REASON_FORWARDED;
}

static __always_inline int parse_sctp(struct __sk_buff *ctx, struct packet *p, __u32 end) {
  struct {
    struct ports ports;
    __be32 tag;
    __be32 checksum;
    __u8 chunk; /* the first one (RFC 9260, 3.1) */
    __u8 flags;
    __be16 length;
  } sctp;
  if (p->l4 + sizeof(sctp) > end || bpf_skb_load_bytes(ctx, p->l4, &sctp, sizeof(sctp)))
    return FL_REASON_MALFORMED;
  p->tuple.source_port = sctp.ports.source;
  p->tuple.destination_port = sctp.ports.destination;
  p->type = sctp.chunk;
  p->kind = sctp.chunk == SCTP_INIT ? PACKET_OPENS : PACKET_CONTINUES;
  return FL_REASON_FORWARDED;
}

static __always_inline int parse_transport(struct __sk_buff *ctx, struct packet *p, __u32 end) {
  p->kind = PACKET_OPENS;
  if (p->fragment == FRAGMENT_LATER) {
    /* It would lie over the TCP header that was judged (RFC 1858, RFC 3128). */
    bool overlaps = p->tuple.protocol == PROTOCOL_TCP && p->fragment_offset < 20;
    return overlaps ? FL_REASON_MALFORMED : FL_REASON_FORWARDED;
  }
  switch (p->tuple.protocol) {
    case PROTOCOL_TCP:
      return parse_tcp(ctx, p, end);
    case PROTOCOL_UDP:
      return parse_udp(ctx, p, end);
    case PROTOCOL_SCTP:
      return parse_sctp(ctx, p, end);
    case PROTOCOL_ICMP:
      return p->is_v6 ? FL_REASON_MALFORMED : parse_icmp(ctx, p, end);
    case PROTOCOL_ICMPV6:
      return p->is_v6 ? parse_icmp(ctx, p, end) : FL_REASON_MALFORMED;
    default:
      return FL_REASON_FORWARDED; /* other protocols are connections without ports */
  }
}

/* The frame's headers up to the transport's. FORWARDED, MALFORMED or UNSUPPORTED_PROTOCOL. */
GLOBAL int parse_headers(struct __sk_buff *ctx, struct packet *p) {
  if (!p) return FL_REASON_INTERNAL;
  struct ethhdr eth;
  __builtin_memset(p, 0, sizeof(*p));
  p->length = ctx->len - sizeof(eth);
  if (bpf_skb_load_bytes(ctx, 0, &eth, sizeof(eth))) return FL_REASON_MALFORMED;
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
