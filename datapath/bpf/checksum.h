/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 1: arithmetic of the Internet checksum (RFC 1071, RFC 1624) and of SCTP's CRC32c (RFC 9260). */
#ifndef FAIRLEAD_BPF_CHECKSUM_H
#define FAIRLEAD_BPF_CHECKSUM_H

#include "datapath/bpf/kernel.h"

static __always_inline __u16 fold(__u64 sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

/* A checksum field after a change whose bpf_csum_diff() is `difference`. */
static __always_inline __u16 checksum_after(__u16 checksum, __u32 difference) {
  return ~fold((__u64)(__u16)~checksum + difference);
}

#define CRC32C_POLYNOMIAL 0x82f63b78u /* bit-reflected */

/* a * b modulo the polynomial, bit-reflected: bit 31 is x^0. */
GLOBAL __u32 crc32c_multiply(__u32 a, __u32 b) {
  __u32 product = 0;
  for (int i = 0; i < 32; i++) {
    product ^= b & -(a >> 31);
    a <<= 1;
    b = b >> 1 ^ (CRC32C_POLYNOMIAL & -(b & 1));
  }
  return product;
}

/* How the CRC32c of `length` bytes changes when their first four, read as little-endian, change by the
 * exclusive or `difference`: the code is linear, so it is `difference` moved past all bytes. */
static __always_inline __u32 crc32c_change(__u32 difference, __u32 length) {
  /* x^(8 * 2^i) */
  const __u32 power[16] = {0x00800000, 0x00008000, 0x82f63b78, 0x6ea2d55c, 0x18b8ea18, 0x510ac59a,
                           0xb82be955, 0xb8fdb1e7, 0x88e56f72, 0x74c360a4, 0xe4172b16, 0x0d65762a,
                           0x35d73a62, 0x28461564, 0xbf455269, 0xe2ea32dc};
#pragma unroll
  for (int i = 0; i < 16; i++)
    if (length >> i & 1) difference = crc32c_multiply(power[i], difference);
  return difference;
}

#endif
