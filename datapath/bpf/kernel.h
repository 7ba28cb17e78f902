/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 0: the kernel's interface and what C lacks. Nothing of Fairlead's own rules. */
#ifndef FAIRLEAD_BPF_KERNEL_H
#define FAIRLEAD_BPF_KERNEL_H

#include <stdbool.h>
#include <stddef.h>

/* libbpf's headers need the kernel's before them. */
// clang-format off
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
// clang-format on

/* A function that the verifier checks once by itself, whoever calls it; one copy after linking. Pointer
 * arguments other than the context may be null to the verifier: check them first. What they point to is no
 * map key for kernel 6.1: copy keys to the stack. */
#define GLOBAL __weak __noinline

/* A map defined in a header: one after linking. */
#define MAP SEC(".maps") __weak

#define AF_INET 2
#define AF_INET6 10

#define PROTOCOL_ICMP 1
#define PROTOCOL_IGMP 2
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define PROTOCOL_ICMPV6 58
#define PROTOCOL_SCTP 132

/* Keeps the compiler from using what it knows about `variable`, so that a check stays for the verifier. */
#define OPAQUE(variable) asm volatile("" : "+r"(variable))

/* `size` (a constant) bytes of the packet's headers at `offset`: from its linear part where they lie there,
 * which is cheaper than the helper. 0 when they are there. */
static __always_inline long load(struct __sk_buff *ctx, __u32 offset, void *to, __u32 size) {
  void *at = (void *)(long)ctx->data + (offset & 0x3fff);
  if (offset <= 0x3fff && at + size <= (void *)(long)ctx->data_end) {
    __builtin_memcpy(to, __builtin_assume_aligned(at, 4), size);
    return 0;
  }
  return bpf_skb_load_bytes(ctx, offset, to, size);
}

/* The one entry of an array map. */
static __always_inline void *only_entry(void *map) {
  __u32 zero = 0;
  return bpf_map_lookup_elem(map, &zero);
}

static __always_inline void *entry(void *map, __u32 index) {
  return bpf_map_lookup_elem(map, &index);
}

/* Index of the lowest bit set; `word` is not 0. */
static __always_inline __u32 lowest_bit(__u64 word) {
  __u32 index = 0;
  if (!(word & 0xffffffff)) index += 32, word >>= 32;
  if (!(word & 0xffff)) index += 16, word >>= 16;
  if (!(word & 0xff)) index += 8, word >>= 8;
  if (!(word & 0xf)) index += 4, word >>= 4;
  if (!(word & 0x3)) index += 2, word >>= 2;
  return index + !(word & 1);
}

#endif
