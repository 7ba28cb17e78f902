/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Basic types of the structs that eBPF C and C++ share: the common subset of C17 and C++20.
 * Fixed widths, explicit padding, byte order in the comment ("net": network, else host).
 * FL_ABI_SIZE asserts a struct's size on both sides; C++ also refuses hidden padding.
 */
#ifndef FAIRLEAD_ABI_TYPES_H
#define FAIRLEAD_ABI_TYPES_H

#include <linux/types.h>

#ifdef __cplusplus
#include <type_traits>
#define FL_ABI_SIZE(type, size)                                             \
  static_assert(sizeof(struct type) == (size), "size of " #type);           \
  static_assert(std::has_unique_object_representations_v<struct type>, "padding in " #type)
#else
#define FL_ABI_SIZE(type, size) \
  _Static_assert(sizeof(struct type) == (size), "size of " #type)
#endif

/* An address of either family, net; IPv4 a.b.c.d as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2). */
struct fl_address {
  __be32 word[4];
};
FL_ABI_SIZE(fl_address, 16);

/* Key of a longest-prefix map over addresses. IPv4 lengths are counted from 96. */
struct fl_address_prefix {
  __u32 length; /* bits, 0..128 */
  struct fl_address address;
};
FL_ABI_SIZE(fl_address_prefix, 20);

#endif
