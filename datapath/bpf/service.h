/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 3: which backend serves a new connection. Used by packets and by sockets alike: works on a plain
 * struct, keeps nothing per CPU.
 *
 *   1. The front end of exactly this address and port; else, on an address of this node, the NodePort or
 *      hostPort of any address.
 *   2. No backend: NO_ENDPOINTS.
 *   3. With client affinity: the backend that this client had, while it lives and was used lately.
 *   4. Else one of the range at random. */
#ifndef FAIRLEAD_BPF_SERVICE_H
#define FAIRLEAD_BPF_SERVICE_H

#include "datapath/abi/service.h"
#include "datapath/bpf/connection.h"
#include "datapath/bpf/trace.h"

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, FL_MAX_FRONTENDS);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct fl_frontend_key);
  __type(value, struct fl_frontend);
} frontend MAP;

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, FL_MAX_BACKEND_IDS);
  __type(key, __u32);
  __type(value, __u32);
} backend_id MAP;

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, FL_MAX_BACKENDS);
  __type(key, __u32);
  __type(value, struct fl_backend);
} backend MAP;

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, FL_MAX_AFFINITIES);
  __type(key, struct fl_affinity_key);
  __type(value, struct fl_affinity);
} affinity MAP;

struct service_question {
  struct fl_address client;  /* net */
  struct fl_address address; /* net; as the client addresses it */
  __be16 port;               /* net */
  __u8 protocol;
  __u8 to_node;      /* `address` is one of this node's */
  __u8 from_outside; /* only NodePorts and hostPorts are open to the outside */
  /* the answer */
  __u8 found;  /* there is a front end */
  __u16 flags; /* its enum fl_frontend_flags */
  __u32 service;
  __u32 backend; /* index, and its generation */
  __u32 backend_generation;
  struct fl_address server; /* net; of the backend */
  __be16 server_port;
  __u16 pad;
};

static __always_inline struct fl_frontend *find_frontend(const struct service_question *q) {
  struct fl_frontend_key key = {.address = q->address, .port = q->port, .protocol = q->protocol};
  struct fl_frontend *f = bpf_map_lookup_elem(&frontend, &key);
  if (!f && q->to_node) {
    key.address = (struct fl_address){};
    if (address_is_v4(&q->address)) key.address = address_of_v4(0);
    f = bpf_map_lookup_elem(&frontend, &key);
  }
  if (f && q->from_outside && !(f->flags & (FL_FRONTEND_NODE_PORT | FL_FRONTEND_HOST_PORT))) return NULL;
  return f;
}

/* Index of the backend that `key`'s client had within the last `seconds`, or 0. */
static __always_inline __u32 remembered_backend(const struct fl_affinity_key *key, __u32 seconds) {
  struct fl_affinity *a = bpf_map_lookup_elem(&affinity, key);
  struct fl_ct_table *table = only_entry(&ct_table);
  if (!a || !table) return 0;
  /* Before the length of a jiffy is measured, in the maps' first second, hz is 0 and nothing is too old: the
   * limit wraps around. */
  if (bpf_jiffies64() - a->used_jiffies > (__u64)seconds * table->hz - 1) return 0;
  struct fl_backend *b = entry(&backend, a->backend);
  return b && b->generation == a->backend_generation ? a->backend : 0;
}

/* FORWARDED, with q->found telling whether it is a Service at all; NO_ENDPOINTS; INTERNAL. */
GLOBAL int ask_service(struct service_question *q) {
  if (!q) return FL_REASON_INTERNAL;
  q->found = false;
  struct fl_frontend *f = find_frontend(q);
  if (!f) return FL_REASON_FORWARDED;
  q->found = true;
  q->flags = f->flags;
  q->service = f->service;
  __u32 count = f->count;
  if (count == 0) return FL_REASON_NO_ENDPOINTS;

  struct fl_affinity_key key = {.client = q->client, .service = f->service};
  __u32 index = f->affinity_seconds ? remembered_backend(&key, f->affinity_seconds) : 0;
  if (!index) {
    __u32 *id = entry(&backend_id, f->first + bpf_get_prandom_u32() % count);
    index = id ? *id : 0;
  }
  struct fl_backend *b = index ? entry(&backend, index) : NULL;
  if (!b) return FL_REASON_INTERNAL;
  q->backend = index;
  q->backend_generation = b->generation;
  q->server = b->address;
  q->server_port = b->port;
  if (f->affinity_seconds && !explain) {
    struct fl_affinity used = {
        .backend = index, .backend_generation = b->generation, .used_jiffies = bpf_jiffies64()};
    bpf_map_update_elem(&affinity, &key, &used, BPF_ANY);
  }
  return FL_REASON_FORWARDED;
}

static __always_inline bool backend_is_current(__u32 index, __u32 generation) {
  struct fl_backend *b = entry(&backend, index);
  return b && b->generation == generation;
}

#endif
