/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Pods of this node, and where every other address of the cluster lives. */
#ifndef FAIRLEAD_ABI_ENDPOINT_H
#define FAIRLEAD_ABI_ENDPOINT_H

#include "datapath/abi/types.h"

#define FL_MAX_ENDPOINTS 1024 /* index 0 is never used */
#define FL_MAX_LOCATIONS (1 << 16)
#define FL_MAX_POD_RANGES (1 << 15)
#define FL_MAX_NODES (1 << 13) /* index 0 is never used */

enum fl_endpoint_flags {
  FL_ENDPOINT_READY = 1 << 0, /* its policy is committed; before that everything drops */
};

/* Array map "endpoint", by endpoint index. An entry of a pod that is gone is all zero: the sweep then
 * ends the connections that it had. */
struct fl_endpoint {
  __u32 flags;
  __u32 ifindex;     /* of the host's end */
  __u8 mac[6];       /* of the pod's end */
  __u8 host_mac[6];  /* of the host's end */
  __u32 ingress_set; /* index into "policy_set"; FL_SET_OPEN: not isolated */
  __u32 egress_set;
  struct fl_address v4; /* net; :: when it has none */
  struct fl_address v6;
  __u32 generation;  /* counts up with every sandbox of this index */
  __u32 pad;
};
FL_ABI_SIZE(fl_endpoint, 68);

/* Hash map "pod_device": __u32 ifindex of the host's end -> __u32 endpoint index. A pod device that is
 * not in it drops everything with NOT_PROGRAMMED. */

/* Hash map "location": address of a pod or node -> who it is. */
enum fl_location_kind {
  FL_LOCATION_LOCAL_POD = 1,  /* index: into "endpoint" */
  FL_LOCATION_THIS_NODE = 2,  /* an address of this node itself */
  FL_LOCATION_OTHER_NODE = 3, /* a node's own address; index: into "node" */
};

struct fl_location {
  __u32 kind;
  __u32 index;
};
FL_ABI_SIZE(fl_location, 8);

/* Array map "node", by node index: every node but this one. Stable while the node exists. */
struct fl_node {
  struct fl_address address; /* net; underlay: the tunnel's end, IPv4 if there is one */
};
FL_ABI_SIZE(fl_node, 16);

/* Longest-prefix map "pod_range": pod CIDR -> node that owns it; and ranges that are no pods'. Key fl_address_prefix. */
enum fl_range_flags {
  FL_RANGE_THIS_NODE = 1 << 0,
  FL_RANGE_NATIVE = 1 << 1, /* not a pod range: outside, but reached without masquerade */
  FL_RANGE_SERVICE = 1 << 2, /* of Services' addresses: what no front end has there is nowhere */
};

struct fl_pod_range {
  __u32 node; /* index into "node"; 0: this node, or no pod range */
  __u32 flags;
};
FL_ABI_SIZE(fl_pod_range, 8);

#endif
