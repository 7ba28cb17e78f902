/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Facts of this node that all programs read: one entry of the array map "config". */
#ifndef FAIRLEAD_ABI_CONFIG_H
#define FAIRLEAD_ABI_CONFIG_H

#include "datapath/abi/types.h"

enum fl_config_flags {
  FL_CONFIG_OVERLAY = 1 << 0,          /* pods of other nodes are reached through VXLAN */
  FL_CONFIG_MASQUERADE = 1 << 1,       /* pods leave for the outside under the node's address */
  FL_CONFIG_SOCKET_BALANCING = 1 << 2, /* balance at connect() and sendmsg() */
};

struct fl_config {
  __u32 flags;
  __u32 overlay_ifindex;      /* the VXLAN device, 0: none */
  struct fl_address node_v4;  /* net; the node's first address of each family, :: when none */
  struct fl_address node_v6;
  __u8 overlay_mac[6];        /* of every node's VXLAN device: the inner destination */
  __u16 overlay_mtu;          /* bytes of an inner IP packet */
  __u32 vni;
  __u16 snat_port_first;      /* host order, inclusive: source ports that are ours; 0: none */
  __u16 snat_port_last;
  __u16 node_port_first;      /* host order, inclusive; 0: none */
  __u16 node_port_last;
  __u32 underlay_mtu;         /* bytes of an IP packet on the node's devices */
  __u32 reassembly_ifindex;   /* helper device for fragments without a head, 0: none */
  __u32 endpoint_quota;       /* connections that one pod may hold; 0: no limit */
  __u16 route_epoch;          /* bumped when "location", "pod_range" or "node" say something new of an
                                 address: connections look up their way again */
  __u16 pad;
  __u32 pad2;
  __u64 netns_cookie;         /* of the node's network namespace (SO_NETNS_COOKIE) */
};
FL_ABI_SIZE(fl_config, 88);

#endif
