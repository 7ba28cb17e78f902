/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 3: connections: what one is, and its end. Layout in abi/conntrack.h; what a connection is allowed to
 * do is not decided here.
 *
 *   A slot:  FREE -> NEW -> ESTABLISHED -> CLOSING -> DELETING -> DRAINING -> FREE
 * Every step is one compare-and-swap of fl_ct_life: who swaps to DELETING takes the tuples away and gives
 * the owner its place back, nobody else. The sweep frees a slot two visits later, so that no program that
 * still looks at the record takes its next holder for the old one. */
#ifndef FAIRLEAD_BPF_CONNECTION_H
#define FAIRLEAD_BPF_CONNECTION_H

#include "datapath/abi/conntrack.h"
#include "datapath/bpf/scratch.h"
#include "datapath/bpf/topology.h"
#include "datapath/bpf/trace.h"

#define DEFAULT_CONNECTIONS (1 << 18)
#define NO_SLOT 0xffffffffu

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 2 * DEFAULT_CONNECTIONS);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct fl_ct_key);
  __type(value, struct fl_ct_ref);
} ct_tuple MAP;

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, DEFAULT_CONNECTIONS);
  __type(key, __u32);
  __type(value, struct fl_ct_record);
} ct_record MAP;

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, DEFAULT_CONNECTIONS);
  __type(key, __u32);
  __type(value, struct fl_ct_translation);
} ct_translation MAP;

struct {
  __uint(type, BPF_MAP_TYPE_STACK);
  __uint(max_entries, DEFAULT_CONNECTIONS);
  __type(value, __u32);
} ct_free MAP;

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, FL_MAX_ENDPOINTS);
  __type(key, __u32);
  __type(value, struct fl_ct_account);
} ct_account MAP;

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, FL_MAX_ENDPOINTS *FL_HALF_OPEN_QUOTA / 2);
  __type(key, __u32);
  __type(value, struct fl_half_open_pair);
} ct_half_open MAP;

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct fl_ct_table);
} ct_table MAP;

/* Whether the source of `t` comes first in its key. Any total order would do. */
static __always_inline bool source_is_first(const struct tuple *t) {
  const struct fl_address *s = &t->source, *d = &t->destination;
  if (s->word[3] != d->word[3]) return s->word[3] < d->word[3];
  if (s->word[2] != d->word[2]) return s->word[2] < d->word[2];
  if (s->word[1] != d->word[1]) return s->word[1] < d->word[1];
  if (s->word[0] != d->word[0]) return s->word[0] < d->word[0];
  return t->source_port <= t->destination_port;
}

/* The key of both directions of `t`; returns whether its source is address[0]. */
static __always_inline bool make_key(struct fl_ct_key *key, const struct tuple *t) {
  bool first = source_is_first(t);
  key->address[0] = first ? t->source : t->destination;
  key->address[1] = first ? t->destination : t->source;
  key->port[0] = first ? t->source_port : t->destination_port;
  key->port[1] = first ? t->destination_port : t->source_port;
  key->protocol = t->protocol;
  __builtin_memset(key->pad, 0, sizeof(key->pad));
  return first;
}

/* The tuple of a packet from the client, as the client sends it. */
static __always_inline void client_tuple(const struct fl_ct_record *r, __u8 flags, struct tuple *t) {
  bool first = flags & FL_CT_CLIENT_IS_FIRST;
  t->source = first ? r->key.address[0] : r->key.address[1];
  t->destination = first ? r->key.address[1] : r->key.address[0];
  t->source_port = first ? r->key.port[0] : r->key.port[1];
  t->destination_port = first ? r->key.port[1] : r->key.port[0];
  t->protocol = r->key.protocol;
}

/* The tuple of a packet from the client, as the server sees it. */
static __always_inline void server_tuple(const struct fl_ct_record *r, const struct fl_ct_translation *x,
                                         struct tuple *t) {
  t->source = x->client;
  t->destination = x->server;
  t->source_port = x->client_port;
  t->destination_port = x->server_port;
  t->protocol = r->key.protocol;
}

static __always_inline bool life_is_live(struct fl_ct_life life) {
  return life.state >= FL_CT_NEW && life.state <= FL_CT_CLOSING;
}

static __always_inline struct fl_ct_life life_read(struct fl_ct_record *r) {
  union {
    __u64 word;
    struct fl_ct_life life;
  } u = {.word = *(volatile __u64 *)&r->life};
  return u.life;
}

static __always_inline bool life_swap(struct fl_ct_record *r, struct fl_ct_life from, struct fl_ct_life to) {
  __u64 old, new;
  __builtin_memcpy(&old, &from, sizeof(old));
  __builtin_memcpy(&new, &to, sizeof(new));
  return __sync_val_compare_and_swap((__u64 *)&r->life, old, new) == old;
}

static __always_inline void life_publish(struct fl_ct_record *r, struct fl_ct_life life) {
  __u64 word;
  __builtin_memcpy(&word, &life, sizeof(word));
  __sync_lock_test_and_set((__u64 *)&r->life, word);
}

static __always_inline __u32 owner_of(const struct fl_ct_record *r) {
  return r->client_endpoint ? r->client_endpoint : r->server_endpoint;
}

/* Takes the tuples of a connection that ended with `flags` out of the table. */
GLOBAL int remove_tuples(__u32 slot, __u32 flags) {
  struct fl_ct_record *r = entry(&ct_record, slot);
  if (!r) return 0;
  bpf_map_delete_elem(&ct_tuple, &r->key);
  struct fl_ct_translation *x = flags & FL_CT_TRANSLATED ? entry(&ct_translation, slot) : NULL;
  if (!x) return 0;
  struct tuple t;
  struct fl_ct_key key;
  server_tuple(r, x, &t);
  make_key(&key, &t);
  bpf_map_delete_elem(&ct_tuple, &key);
  return 0;
}

/* Ends the connection in `slot`, if it is still the one of `generation`. 1: this call did it. */
GLOBAL int connection_end(__u32 slot, __u32 generation) {
  if (explain) return 0;
  struct fl_ct_record *r = entry(&ct_record, slot);
  if (!r) return 0;
  for (int attempt = 0; attempt < 4; attempt++) {
    struct fl_ct_life life = life_read(r);
    if (life.generation != generation || !life_is_live(life)) return 0;
    struct fl_ct_life ended = life;
    ended.state = FL_CT_DELETING;
    if (!life_swap(r, life, ended)) continue;
    struct fl_ct_account *account = entry(&ct_account, owner_of(r));
    if (account) __sync_fetch_and_sub(&account->connections, 1);
    remove_tuples(slot, life.flags);
    return 1;
  }
  return 0;
}

#endif
