/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 3: turns a refused packet into the answer that its sender waits for: a reset (RFC 9293, 3.10.7) or
 * an ICMP error (RFC 792, 1122, 4443). The answer leaves by the device on which the packet came. */
#ifndef FAIRLEAD_BPF_ANSWER_H
#define FAIRLEAD_BPF_ANSWER_H

#include "datapath/abi/config.h"
#include "datapath/bpf/checksum.h"
#include "datapath/bpf/parse.h"

#define QUOTED_BYTES 128 /* of the refused packet at most */

struct answer {
  struct fl_address source; /* net */
  __u8 type;
  __u8 code;
  __u16 pad;
  __be32 rest; /* the second word of the ICMP header: an MTU */
  __u8 quote[QUOTED_BYTES];
};

struct tcp_header {
  struct ports ports;
  __be32 sequence;
  __be32 acknowledged;
  __u8 offset;
  __u8 flags;
  __be16 window;
  __be16 checksum;
  __be16 urgent;
};

struct pseudo_header {
  struct fl_address source;
  struct fl_address destination;
  __be32 length;
  __be32 protocol;
};

/* Sum over addresses, length and protocol; the constant words of IPv4 addresses are taken out. */
static __always_inline __u32 pseudo_sum(const struct fl_address *source, const struct fl_address *destination,
                                        __u32 length, __u8 protocol) {
  struct pseudo_header header = {*source, *destination, bpf_htonl(length), bpf_htonl(protocol)};
  if (address_is_v4(source)) {
    header.source.word[2] = 0;
    header.destination.word[2] = 0;
  }
  return bpf_csum_diff(NULL, 0, (__be32 *)&header, sizeof(header), 0);
}

/* Writes the IP header of an answer with `length` bytes behind it, and turns the frame round. */
static __always_inline int store_headers(struct __sk_buff *ctx, const struct packet *p,
                                         const struct fl_address *source, __u32 length, __u8 protocol) {
  __u8 macs[2 * ETH_ALEN];
  __builtin_memcpy(macs, p->mac, ETH_ALEN);
  if (bpf_skb_load_bytes(ctx, 0, macs + ETH_ALEN, ETH_ALEN)) return FL_REASON_INTERNAL;
  if (bpf_skb_store_bytes(ctx, 0, macs, sizeof(macs), 0)) return FL_REASON_INTERNAL;
  if (p->is_v6) {
    struct ipv6hdr ip = {
        .version = 6, .payload_len = bpf_htons(length), .nexthdr = protocol, .hop_limit = 64};
    __builtin_memcpy(&ip.saddr, source, sizeof(ip.saddr));
    __builtin_memcpy(&ip.daddr, &p->outer_source, sizeof(ip.daddr));
    return bpf_skb_store_bytes(ctx, p->l3, &ip, sizeof(ip), 0) ? FL_REASON_INTERNAL : FL_REASON_FORWARDED;
  }
  struct iphdr ip = {.version = 4,
                     .ihl = 5,
                     .tot_len = bpf_htons(sizeof(ip) + length),
                     .frag_off = bpf_htons(0x4000),
                     .ttl = 64,
                     .protocol = protocol,
                     .saddr = source->word[3],
                     .daddr = p->outer_source.word[3]};
  ip.check = ~fold(bpf_csum_diff(NULL, 0, (__be32 *)&ip, sizeof(ip), 0));
  return bpf_skb_store_bytes(ctx, p->l3, &ip, sizeof(ip), 0) ? FL_REASON_INTERNAL : FL_REASON_FORWARDED;
}

/* A reset from whom the packet was for. A reset is not answered. */
GLOBAL int answer_with_reset(struct __sk_buff *ctx, const struct packet *p) {
  if (!p || p->tcp_flags & TCP_RST || p->fragment != FRAGMENT_NONE) return FL_REASON_UNSUPPORTED_PROTOCOL;
  struct tcp_header in, out = {};
  if (bpf_skb_load_bytes(ctx, p->l4, &in, sizeof(in))) return FL_REASON_INTERNAL;
  __u32 headers = p->l4 - p->l3 + (in.offset >> 4) * 4;
  __u32 payload = p->length > headers ? p->length - headers : 0;
  out.ports.source = in.ports.destination;
  out.ports.destination = in.ports.source;
  out.offset = 5 << 4;
  out.flags = TCP_RST;
  if (in.flags & TCP_ACK) {
    out.sequence = in.acknowledged;
  } else {
    out.flags |= TCP_ACK;
    out.acknowledged =
        bpf_htonl(bpf_ntohl(in.sequence) + payload + !!(in.flags & TCP_SYN) + !!(in.flags & TCP_FIN));
  }
  __u32 sum = pseudo_sum(&p->tuple.destination, &p->tuple.source, sizeof(out), PROTOCOL_TCP);
  out.checksum = ~fold(bpf_csum_diff(NULL, 0, (__be32 *)&out, sizeof(out), sum));

  __u32 l4 = p->l3 + (p->is_v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
  if (bpf_skb_change_tail(ctx, l4 + sizeof(out), 0)) return FL_REASON_INTERNAL;
  int reason = store_headers(ctx, p, &p->tuple.destination, sizeof(out), PROTOCOL_TCP);
  if (reason) return reason;
  return bpf_skb_store_bytes(ctx, l4, &out, sizeof(out), 0) ? FL_REASON_INTERNAL : FL_REASON_FORWARDED;
}

/* The ICMP error `a` about the packet. Errors, fragments but the first, and what is no unicast are not
 * answered. */
GLOBAL int answer_with_icmp(struct __sk_buff *ctx, const struct packet *p, struct answer *a) {
  if (!p || !a) return FL_REASON_INTERNAL;
  if (p->kind == PACKET_ICMP_ERROR || p->fragment == FRAGMENT_LATER) return FL_REASON_UNSUPPORTED_PROTOCOL;
  /* As much as there is, in whole words for the sum. */
  __u32 quoted = p->length & ~3u;
  if (quoted > QUOTED_BYTES) quoted = QUOTED_BYTES;
  OPAQUE(quoted);
  if (quoted < 20 || quoted > QUOTED_BYTES) return FL_REASON_INTERNAL;
  if (bpf_skb_load_bytes(ctx, p->l3, a->quote, quoted)) return FL_REASON_INTERNAL;
  struct {
    __u8 type;
    __u8 code;
    __u16 checksum;
    __be32 rest;
  } icmp = {.type = a->type, .code = a->code, .rest = a->rest};
  __u32 length = sizeof(icmp) + quoted;
  __u32 sum = p->is_v6 ? pseudo_sum(&a->source, &p->outer_source, length, PROTOCOL_ICMPV6) : 0;
  sum = bpf_csum_diff(NULL, 0, (__be32 *)a->quote, quoted, sum);
  icmp.checksum = ~fold(bpf_csum_diff(NULL, 0, (__be32 *)&icmp, sizeof(icmp), sum));

  __u32 header = p->is_v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
  if (bpf_skb_change_tail(ctx, p->l3 + quoted, 0)) return FL_REASON_INTERNAL;
  if (bpf_skb_adjust_room(ctx, header + sizeof(icmp), BPF_ADJ_ROOM_MAC, 0)) return FL_REASON_INTERNAL;
  int reason = store_headers(ctx, p, &a->source, length, p->is_v6 ? PROTOCOL_ICMPV6 : PROTOCOL_ICMP);
  if (reason) return reason;
  return bpf_skb_store_bytes(ctx, p->l3 + header, &icmp, sizeof(icmp), 0) ? FL_REASON_INTERNAL
                                                                          : FL_REASON_FORWARDED;
}

/* What the sender of a packet that is refused for `reason` is told; false: nothing. */
static __always_inline bool choose_answer(const struct packet *p, const struct fl_config *c, __u32 reason,
                                          __u32 mtu, struct answer *a) {
  a->rest = 0;
  a->source = p->is_v6 ? c->node_v6 : c->node_v4;
  switch (reason) {
    case FL_REASON_BACKEND_GONE:
    case FL_REASON_NO_SUCH_SERVICE:
    case FL_REASON_NO_ENDPOINTS: /* port unreachable, as if from the Service or the backend */
      a->type = p->is_v6 ? ICMPV6_UNREACHABLE : ICMP_UNREACHABLE;
      a->code = p->is_v6 ? 4 : 3;
      a->source = p->tuple.destination;
      return true;
    case FL_REASON_NO_SUCH_POD: /* host unreachable; address unreachable */
      a->type = p->is_v6 ? ICMPV6_UNREACHABLE : ICMP_UNREACHABLE;
      a->code = p->is_v6 ? 3 : 1;
      break;
    case FL_REASON_NO_ROUTE: /* net unreachable; no route to destination */
      a->type = p->is_v6 ? ICMPV6_UNREACHABLE : ICMP_UNREACHABLE;
      a->code = 0;
      break;
    case FL_REASON_TTL_EXCEEDED:
      a->type = p->is_v6 ? 3 : ICMP_TIME_EXCEEDED;
      a->code = 0;
      break;
    case FL_REASON_MTU_EXCEEDED: /* packet too big; fragmentation needed */
      a->type = p->is_v6 ? 2 : ICMP_UNREACHABLE;
      a->code = p->is_v6 ? 0 : 4;
      a->rest = bpf_htonl(mtu);
      break;
    default:
      return false;
  }
  return !address_is_zero(&a->source);
}

#endif
