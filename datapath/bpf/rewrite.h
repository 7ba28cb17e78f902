/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 5: gives a packet other addresses and ports, all checksums mended by difference, so that what was
 * wrong stays wrong and what the sender left to its device stays left. */
#ifndef FAIRLEAD_BPF_REWRITE_H
#define FAIRLEAD_BPF_REWRITE_H

#include "datapath/bpf/checksum.h"
#include "datapath/bpf/parse.h"

/* Of bpf_l4_csum_replace() since 6.16: without it a device's sum over an IPv6 packet is kept wrongly, for
 * which the stack sums itself. Older kernels refuse the flag. */
#define CSUM_IPV6 (1ull << 7)

static __always_inline long mend_transport(struct __sk_buff *ctx, __u32 at, __u32 difference, __u64 flags,
                                           bool is_v6) {
  if (is_v6 && !bpf_l4_csum_replace(ctx, at, 0, difference, flags | CSUM_IPV6)) return 0;
  return bpf_l4_csum_replace(ctx, at, 0, difference, flags);
}

/* Offset of the checksum in a transport header that covers ports and, but for ICMP, addresses; 0: none. */
static __always_inline __u32 checksum_offset(__u8 protocol) {
  switch (protocol) {
    case PROTOCOL_TCP:
      return 16;
    case PROTOCOL_UDP:
      return 6;
    case PROTOCOL_ICMP:
    case PROTOCOL_ICMPV6:
      return 2;
    default:
      return 0;
  }
}

/* Source and destination of an IP header, as they lie there. */
struct address_pair {
  __be32 word[8];
};

static __always_inline void fill_pair(struct address_pair *pair, const struct fl_address *source,
                                      const struct fl_address *destination, bool is_v6) {
  if (is_v6) {
    __builtin_memcpy(&pair->word[0], source, sizeof(*source));
    __builtin_memcpy(&pair->word[4], destination, sizeof(*destination));
  } else {
    pair->word[0] = source->word[3];
    pair->word[1] = destination->word[3];
  }
}

/* Writes `to` over `from` in the IP header at `l3`; returns the difference for checksums. */
static __always_inline __u32 store_pair(struct __sk_buff *ctx, __u32 l3, struct address_pair *from,
                                        struct address_pair *to, bool is_v6) {
  if (is_v6) {
    bpf_skb_store_bytes(ctx, l3 + offsetof(struct ipv6hdr, saddr), to, 32, 0);
    return bpf_csum_diff(from->word, 32, to->word, 32, 0);
  }
  bpf_skb_store_bytes(ctx, l3 + offsetof(struct iphdr, saddr), to, 8, 0);
  return bpf_csum_diff(from->word, 8, to->word, 8, 0);
}

/* The header of the packet itself. `out_source`: where an ICMP error of a router keeps its own. */
static __always_inline int rewrite_addresses(struct __sk_buff *ctx, const struct packet *p,
                                             const struct fl_address *source,
                                             const struct fl_address *old_destination,
                                             const struct fl_address *destination) {
  struct address_pair from = {}, to = {};
  fill_pair(&from, &p->outer_source, old_destination, p->is_v6);
  fill_pair(&to, source, destination, p->is_v6);
  __u32 difference = store_pair(ctx, p->l3, &from, &to, p->is_v6);
  if (!p->is_v6 && bpf_l3_csum_replace(ctx, p->l3 + offsetof(struct iphdr, check), 0, difference, 0))
    return FL_REASON_INTERNAL;
  if (p->fragment == FRAGMENT_LATER) return FL_REASON_FORWARDED;
  bool icmp_error = p->kind == PACKET_ICMP_ERROR;
  __u8 protocol = icmp_error ? (p->is_v6 ? PROTOCOL_ICMPV6 : PROTOCOL_ICMP) : p->tuple.protocol;
  __u32 at = checksum_offset(protocol);
  if (!at || protocol == PROTOCOL_ICMP) return FL_REASON_FORWARDED; /* no pseudo header */
  __u64 flags = BPF_F_PSEUDO_HDR | (protocol == PROTOCOL_UDP ? BPF_F_MARK_MANGLED_0 : 0);
  return mend_transport(ctx, p->l4 + at, difference, flags, p->is_v6) ? FL_REASON_INTERNAL
                                                                      : FL_REASON_FORWARDED;
}

/* SCTP's checksum covers ports but no addresses; the sender may have left it to its device, which then
 * writes over what is mended here. */
GLOBAL int mend_sctp(struct __sk_buff *ctx, const struct packet *p, __u32 difference) {
  if (!p) return FL_REASON_INTERNAL;
  __u32 at = p->l4 + 8, length = p->length - (p->l4 - p->l3), crc;
  if (bpf_skb_load_bytes(ctx, at, &crc, sizeof(crc))) return FL_REASON_INTERNAL;
  crc ^= crc32c_change(difference, length & 0xffff);
  return bpf_skb_store_bytes(ctx, at, &crc, sizeof(crc), 0) ? FL_REASON_INTERNAL : FL_REASON_FORWARDED;
}

static __always_inline int rewrite_ports(struct __sk_buff *ctx, const struct packet *p,
                                         const struct tuple *out) {
  if (p->fragment == FRAGMENT_LATER) return FL_REASON_FORWARDED;
  struct ports from = {p->tuple.source_port, p->tuple.destination_port};
  struct ports to = {out->source_port, out->destination_port};
  __u32 old, new;
  __builtin_memcpy(&old, &from, sizeof(old));
  __builtin_memcpy(&new, &to, sizeof(new));
  if (old == new) return FL_REASON_FORWARDED;
  __u8 protocol = p->tuple.protocol;
  __u32 at = checksum_offset(protocol);
  if (protocol == PROTOCOL_ICMP || protocol == PROTOCOL_ICMPV6) {
    if (bpf_l4_csum_replace(ctx, p->l4 + at, from.source, to.source, 2) ||
        bpf_skb_store_bytes(ctx, p->l4 + 4, &to.source, 2, 0))
      return FL_REASON_INTERNAL;
    return FL_REASON_FORWARDED;
  }
  if (bpf_skb_store_bytes(ctx, p->l4, &to, sizeof(to), 0)) return FL_REASON_INTERNAL;
  if (protocol == PROTOCOL_SCTP) return mend_sctp(ctx, p, old ^ new);
  __u64 flags = 4 | (protocol == PROTOCOL_UDP ? BPF_F_MARK_MANGLED_0 : 0);
  return bpf_l4_csum_replace(ctx, p->l4 + at, old, new, flags) ? FL_REASON_INTERNAL : FL_REASON_FORWARDED;
}

/* Gives the packet the tuple `out` instead of p->tuple. */
GLOBAL int rewrite(struct __sk_buff *ctx, const struct packet *p, const struct tuple *out) {
  if (!p || !out) return FL_REASON_INTERNAL;
  int reason = rewrite_addresses(ctx, p, &out->source, &p->tuple.destination, &out->destination);
  return reason ? reason : rewrite_ports(ctx, p, out);
}

/* A change inside an ICMP error is a change under its checksum. */
static __always_inline void mend_error(struct __sk_buff *ctx, const struct packet *p, __u32 difference) {
  bpf_l4_csum_replace(ctx, p->l4 + 2, 0, difference, 0);
}

static __always_inline void mend_quoted16(struct __sk_buff *ctx, const struct packet *p, __u32 at,
                                          __u32 difference, bool zero_is_none) {
  __u16 old = 0;
  if (bpf_skb_load_bytes(ctx, at, &old, sizeof(old)) || (zero_is_none && !old)) return;
  __u16 new = checksum_after(old, difference);
  bpf_skb_store_bytes(ctx, at, &new, sizeof(new), 0);
  bpf_l4_csum_replace(ctx, p->l4 + 2, old, new, 2);
}

/* The same for an ICMP error: the quoted packet gets `out` turned round, the error the address of who sent
 * it: the other end of the connection, or a router that stays what it is. */
GLOBAL int rewrite_error(struct __sk_buff *ctx, const struct packet *p, const struct tuple *out) {
  if (!p || !out) return FL_REASON_INTERNAL;
  struct address_pair from = {}, to = {};
  fill_pair(&from, &p->tuple.destination, &p->tuple.source, p->is_v6);
  fill_pair(&to, &out->destination, &out->source, p->is_v6);
  __u32 difference = store_pair(ctx, p->quoted_l3, &from, &to, p->is_v6);
  mend_error(ctx, p, difference);
  if (!p->is_v6) mend_quoted16(ctx, p, p->quoted_l3 + offsetof(struct iphdr, check), difference, false);

  __u8 protocol = p->tuple.protocol;
  __u32 changed = protocol == PROTOCOL_ICMP ? 0 : difference;
  struct ports old = {p->tuple.destination_port, p->tuple.source_port};
  struct ports new = {out->destination_port, out->source_port};
  __u32 old_word, new_word;
  __builtin_memcpy(&old_word, &old, sizeof(old_word));
  __builtin_memcpy(&new_word, &new, sizeof(new_word));
  if (old_word != new_word) {
    bool echo = protocol == PROTOCOL_ICMP || protocol == PROTOCOL_ICMPV6;
    if (echo) {
      bpf_skb_store_bytes(ctx, p->quoted_l4 + 4, &new.source, 2, 0);
      old_word = old.source, new_word = new.source;
    } else {
      bpf_skb_store_bytes(ctx, p->quoted_l4, &new, sizeof(new), 0);
    }
    __u32 ports = bpf_csum_diff(&old_word, 4, &new_word, 4, 0);
    mend_error(ctx, p, ports);
    changed = fold((__u64)changed + ports);
  }
  __u32 at = checksum_offset(protocol);
  if (at) mend_quoted16(ctx, p, p->quoted_l4 + at, changed, protocol == PROTOCOL_UDP);

  bool from_end = address_equal(&p->outer_source, &p->tuple.source);
  return rewrite_addresses(ctx, p, from_end ? &out->source : &p->outer_source, &p->tuple.destination,
                           &out->destination);
}

#endif
