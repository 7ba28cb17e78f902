/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 2: the node, its pods, and where an address lives. */
#ifndef FAIRLEAD_BPF_TOPOLOGY_H
#define FAIRLEAD_BPF_TOPOLOGY_H

#include "datapath/abi/config.h"
#include "datapath/abi/endpoint.h"
#include "datapath/bpf/trace.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct fl_config);
} config MAP;

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, FL_MAX_ENDPOINTS);
  __type(key, __u32);
  __type(value, struct fl_endpoint);
} endpoint MAP;

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, FL_MAX_ENDPOINTS);
  __type(key, __u32);
  __type(value, __u32);
} pod_device MAP;

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, FL_MAX_LOCATIONS);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct fl_address);
  __type(value, struct fl_location);
} location MAP;

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, FL_MAX_NODES);
  __type(key, __u32);
  __type(value, struct fl_node);
} node MAP;

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, FL_MAX_POD_RANGES);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct fl_address_prefix);
  __type(value, struct fl_pod_range);
} pod_range MAP;

static __always_inline struct fl_endpoint *endpoint_at(__u32 index) {
  return index ? entry(&endpoint, index) : NULL;
}

static __always_inline bool endpoint_has(const struct fl_endpoint *e, const struct fl_address *address) {
  return address_is_v4(address) ? address_equal(&e->v4, address) : address_equal(&e->v6, address);
}

/* Where `address` lives. NO_SUCH_POD: in this node's range, but no pod has it. */
GLOBAL int find_way(const struct fl_address *address, struct way *way) {
  if (!address || !way) return FL_REASON_INTERNAL;
  struct fl_address_prefix key = {.length = 128, .address = *address};
  way->node = 0;
  way->endpoint = 0;
  way->native = false;
  way->service = false;

  struct fl_location *at = bpf_map_lookup_elem(&location, &key.address);
  if (at) {
    way->map = FL_TRACE_MAP_LOCATION;
    if (at->kind == FL_LOCATION_LOCAL_POD) {
      way->hop = FL_HOP_LOCAL_POD;
      way->endpoint = at->index;
    } else if (at->kind == FL_LOCATION_OTHER_NODE) {
      way->hop = FL_HOP_REMOTE_NODE;
      way->node = at->index;
    } else {
      way->hop = FL_HOP_HOST;
    }
    return FL_REASON_FORWARDED;
  }

  struct fl_pod_range *range = bpf_map_lookup_elem(&pod_range, &key);
  way->map = FL_TRACE_MAP_POD_RANGE;
  if (range && range->flags & FL_RANGE_THIS_NODE) {
    way->hop = FL_HOP_UNKNOWN;
    return FL_REASON_NO_SUCH_POD;
  }
  if (range && !(range->flags & (FL_RANGE_NATIVE | FL_RANGE_SERVICE))) {
    way->hop = FL_HOP_REMOTE_NODE;
    way->node = range->node;
    return FL_REASON_FORWARDED;
  }
  way->hop = FL_HOP_OUTSIDE;
  way->native = range && range->flags & FL_RANGE_NATIVE;
  way->service = range && range->flags & FL_RANGE_SERVICE;
  return FL_REASON_FORWARDED;
}

#endif
