// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Programs that do the least: what measurements of ours are compared with. */
/* The helpers need the kernel's types before them. */
/* clang-format off */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>
/* clang-format on */

/* Index of the device whose other end gets the packets; set before loading. */
const volatile __u32 floor_to_ifindex;

SEC("tcx/ingress")
int floor_redirect_peer(struct __sk_buff* skb) {
  (void)skb;
  return bpf_redirect_peer(floor_to_ifindex, 0);
}

SEC("tcx/ingress")
int floor_empty(struct __sk_buff* skb) {
  (void)skb;
  return TC_ACT_OK;
}

const char _license[] SEC("license") = "Dual BSD/GPL";
