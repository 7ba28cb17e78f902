/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 2: ports and what a packet means to its connection: TCP (RFC 9293), UDP (RFC 768), SCTP (RFC 9260),
 * ICMP (RFC 792, RFC 4443). `end` is the offset at which the IP packet ends. */
#ifndef FAIRLEAD_BPF_PARSE_TRANSPORT_H
#define FAIRLEAD_BPF_PARSE_TRANSPORT_H

#include "datapath/bpf/packet.h"

#define ICMP_ECHO_REPLY 0
#define ICMP_UNREACHABLE 3
#define ICMP_SOURCE_QUENCH 4
#define ICMP_REDIRECT 5
#define ICMP_ECHO 8
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETER_PROBLEM 12

#define ICMPV6_UNREACHABLE 1
#define ICMPV6_PARAMETER_PROBLEM 4
#define ICMPV6_ECHO 128
#define ICMPV6_ECHO_REPLY 129
#define ICMPV6_MLD_QUERY 130
#define ICMPV6_MLD_REPORT 131
#define ICMPV6_MLD_DONE 132
#define ICMPV6_MLD2_REPORT 143
#define ICMPV6_ROUTER_SOLICIT 133
#define ICMPV6_NEIGHBOUR_SOLICIT 135
#define ICMPV6_NEIGHBOUR_ADVERT 136
#define ICMPV6_REDIRECT 137

struct ports {
  __be16 source;
  __be16 destination;
};

/* What quotes a packet: passes with the connection of that packet only. */
static __always_inline bool icmp_is_error(bool is_v6, __u8 type) {
  if (is_v6) return type >= ICMPV6_UNREACHABLE && type <= ICMPV6_PARAMETER_PROBLEM;
  return (type >= ICMP_UNREACHABLE && type <= ICMP_REDIRECT) || type == ICMP_TIME_EXCEEDED ||
         type == ICMP_PARAMETER_PROBLEM;
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
  if (p->l4 + sizeof(tcp) > end || load(ctx, p->l4, &tcp, sizeof(tcp))) return FL_REASON_MALFORMED;
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
  if (p->l4 + sizeof(udp) > end || load(ctx, p->l4, &udp, sizeof(udp))) return FL_REASON_MALFORMED;
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

#endif
