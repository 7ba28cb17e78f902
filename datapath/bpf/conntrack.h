/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 3: connections: find, make, end. Layout in abi/conntrack.h; what a connection is allowed to do
 * is not decided here.
 *
 *   A slot:  FREE -> NEW -> ESTABLISHED -> CLOSING -> DELETING -> DRAINING -> FREE
 * Every step is one compare-and-swap of fl_ct_life: who swaps to DELETING takes the tuples away and gives
 * the owner its place back, nobody else. The sweep frees a slot two visits later, so that no program that
 * still looks at the record takes its next holder for the old one. */
#ifndef FAIRLEAD_BPF_CONNTRACK_H
#define FAIRLEAD_BPF_CONNTRACK_H

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
  __uint(max_entries, FL_MAX_ENDPOINTS * FL_HALF_OPEN_QUOTA);
  __type(key, __u32);
  __type(value, __u32);
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

/* Fills the flow of a packet whose tuple leads to a live connection; changes nothing. */
GLOBAL int connection_find(const struct packet *packet, struct flow *flow) {
  if (!packet || !flow) return 0;
  flow->found = false;
  flow->out = packet->tuple;
  struct fl_ct_key key;
  bool source_first = make_key(&key, &packet->tuple);
  struct fl_ct_ref *ref = bpf_map_lookup_elem(&ct_tuple, &key);
  flow->key = key;
  if (!ref) return 0;
  __u32 slot = ref->slot & ~FL_CT_SERVER_TUPLE;
  bool server_side = ref->slot & FL_CT_SERVER_TUPLE;
  __u32 generation = ref->generation;
  struct fl_ct_record *r = entry(&ct_record, slot);
  if (!r) return 0;
  struct fl_ct_life life = life_read(r);
  if (life.generation != generation || !life_is_live(life)) return 0;

  bool from_client;
  flow->translated = !!(life.flags & FL_CT_TRANSLATED);
  if (flow->translated) {
    struct fl_ct_translation *x = entry(&ct_translation, slot);
    if (!x) return 0;
    struct tuple seen_by_server;
    server_tuple(r, x, &seen_by_server);
    if (server_side) {
      from_client = address_equal(&packet->tuple.source, &x->client) &&
                    packet->tuple.source_port == x->client_port;
    } else {
      from_client = source_first == !!(life.flags & FL_CT_CLIENT_IS_FIRST);
    }
    if (from_client) {
      flow->out = seen_by_server;
    } else {
      struct tuple seen_by_client;
      client_tuple(r, life.flags, &seen_by_client);
      tuple_reverse(&flow->out, &seen_by_client);
    }
  } else {
    from_client = source_first == !!(life.flags & FL_CT_CLIENT_IS_FIRST);
  }

  flow->from_client = from_client;
  flow->from.hop = from_client ? r->client_hop : r->server_hop;
  flow->from.node = from_client ? r->client_node : r->server_node;
  flow->from.endpoint = from_client ? r->client_endpoint : r->server_endpoint;
  flow->to.hop = from_client ? r->server_hop : r->client_hop;
  flow->to.node = from_client ? r->server_node : r->client_node;
  flow->to.endpoint = from_client ? r->server_endpoint : r->client_endpoint;
  /* The fields above may be another connection's by now. */
  if (life_read(r).generation != generation) return 0;
  flow->slot = slot;
  flow->generation = generation;
  /* A SYN after the end, or from the side that did not open, begins a new connection if that is admitted. */
  flow->reopens = packet->kind == PACKET_OPENS && packet->tuple.protocol == PROTOCOL_TCP &&
                  (life.state == FL_CT_CLOSING || !from_client);
  flow->found = true;
  return 1;
}

/* What a packet does to its connection's life. */
static __always_inline struct fl_ct_life life_after(struct fl_ct_life life, const struct packet *p,
                                                    bool from_client) {
  bool answered = life.flags & FL_CT_ANSWERED;
  if (!from_client) life.flags |= FL_CT_ANSWERED;
  if (p->tuple.protocol == PROTOCOL_TCP) {
    if (p->tcp_flags & TCP_FIN) life.flags |= from_client ? FL_CT_FIN_CLIENT : FL_CT_FIN_SERVER;
    bool both = (life.flags & FL_CT_FIN_CLIENT) && (life.flags & FL_CT_FIN_SERVER);
    if (both || p->tcp_flags & TCP_RST)
      life.state = FL_CT_CLOSING;
    else if (life.state == FL_CT_NEW && answered && from_client && p->tcp_flags & TCP_ACK)
      life.state = FL_CT_ESTABLISHED;
  } else if (p->tuple.protocol == PROTOCOL_SCTP) {
    if (p->type == SCTP_ABORT || p->type == SCTP_SHUTDOWN_COMPLETE)
      life.state = FL_CT_CLOSING;
    else if (p->type == SCTP_INIT && from_client && life.state == FL_CT_CLOSING)
      life.state = FL_CT_NEW;
    else if (life.state == FL_CT_NEW && !from_client && p->type != SCTP_INIT_ACK)
      life.state = FL_CT_ESTABLISHED;
  } else if (life.state == FL_CT_NEW && !from_client) {
    life.state = FL_CT_ESTABLISHED;
  }
  return life;
}

/* Accounts an admitted packet to its connection. */
static __always_inline void connection_touch(struct fl_ct_record *r, const struct packet *p,
                                             bool from_client) {
  if (explain || p->kind == PACKET_ICMP_ERROR) return;
  r->last_seen = bpf_jiffies64();
  r->packets += 1;
  r->bytes += p->length;
  struct fl_ct_life life = life_read(r);
  struct fl_ct_life after = life_after(life, p, from_client);
  if (after.state != life.state || after.flags != life.flags) life_swap(r, life, after);
}

/* A place for a new half-open connection in its owner's ring; ends the one that has it and, when that
 * was still half-open, hands over its slot, else NO_SLOT. */
static __always_inline __u32 take_half_open_place(__u32 owner, struct fl_ct_account *account, __u16 *place,
                                                  __u32 **ring) {
  *place = __sync_fetch_and_add(&account->half_open_next, 1) % FL_HALF_OPEN_QUOTA;
  *ring = entry(&ct_half_open, owner * FL_HALF_OPEN_QUOTA + *place);
  if (!*ring || !**ring) return NO_SLOT;
  __u32 slot = **ring - 1;
  struct fl_ct_record *r = entry(&ct_record, slot);
  if (!r) return NO_SLOT;
  struct fl_ct_life life = life_read(r);
  if (life.state != FL_CT_NEW || life.half_open != *place || owner_of(r) != owner) return NO_SLOT;
  struct fl_ct_life ended = life;
  ended.state = FL_CT_DELETING;
  if (!life_swap(r, life, ended)) return NO_SLOT;
  remove_tuples(slot, life.flags);
  account->recycled += 1;
  return slot;
}

static __always_inline __u32 take_free_slot(void) {
  __u32 slot;
  if (!bpf_map_pop_elem(&ct_free, &slot)) return slot;
  struct fl_ct_table *table = only_entry(&ct_table);
  if (!table) return NO_SLOT;
  slot = __sync_fetch_and_add(&table->fresh, 1);
  if (entry(&ct_record, slot)) return slot;
  __sync_fetch_and_sub(&table->fresh, 1);
  return NO_SLOT;
}

/* Whether nothing live has `key`. What a connection left behind that could not take its tuple away is
 * removed; what is about to be published (its record is one generation behind) is not. */
static __always_inline bool tuple_is_free(const struct fl_ct_key *key) {
  struct fl_ct_ref *ref = bpf_map_lookup_elem(&ct_tuple, key);
  if (!ref) return true;
  __u32 generation = ref->generation;
  struct fl_ct_record *r = entry(&ct_record, ref->slot & ~FL_CT_SERVER_TUPLE);
  if (!r) return false;
  struct fl_ct_life life = life_read(r);
  __s32 ahead = life.generation - generation;
  bool dead = ahead > 0 || (ahead == 0 && !life_is_live(life));
  if (dead && !explain) bpf_map_delete_elem(&ct_tuple, key);
  return dead;
}

/* Puts `key` -> slot into the table if it is free; a twin only looks. */
GLOBAL int insert_tuple(const struct fl_ct_key *key_given, __u32 slot, __u32 generation) {
  if (!key_given) return false;
  struct fl_ct_key key = *key_given;
  if (explain) return tuple_is_free(&key);
  struct fl_ct_ref ref = {.slot = slot, .generation = generation};
  if (!bpf_map_update_elem(&ct_tuple, &key, &ref, BPF_NOEXIST)) return true;
  return tuple_is_free(&key) && !bpf_map_update_elem(&ct_tuple, &key, &ref, BPF_NOEXIST);
}

/* The search for a source port under which the server's tuple is free. */
struct port_search {
  struct opening *opening;
  __u32 slot;
  __u32 generation;
  __u16 first;
  __u16 count;
  __u16 next;
  __u16 found;
};

static __always_inline int insert_server_tuple(struct opening *o, __u32 slot, __u32 generation) {
  server_tuple(&o->record, &o->translation, &o->server_tuple);
  make_key(&o->server_key, &o->server_tuple);
  return insert_tuple(&o->server_key, slot | FL_CT_SERVER_TUPLE, generation);
}

static long try_port(__u32 i, struct port_search *s) {
  (void)i;
  struct opening *o = s->opening;
  __be16 port = bpf_htons(s->first + s->next);
  s->next = s->next + 1 < s->count ? s->next + 1 : 0;
  o->translation.client_port = port;
  __u8 protocol = o->record.key.protocol;
  if (protocol == PROTOCOL_ICMP || protocol == PROTOCOL_ICMPV6) o->translation.server_port = port;
  if (!insert_server_tuple(o, s->slot, s->generation)) return 0;
  s->found = true;
  return 1;
}

/* Source ports tried at most for one new connection. */
#define PORT_TRIES 4096

/* Inserts the tuple as the server sees it; with source translation under the first source port that is
 * free towards this server, from a start that differs with the connection. */
static __always_inline int place_server_tuple(struct opening *o, const struct fl_config *c, __u32 slot,
                                              __u32 generation) {
  if (!(o->record.life.flags & FL_CT_SOURCE_TRANSLATED))
    return insert_server_tuple(o, slot, generation) ? FL_REASON_FORWARDED : FL_REASON_CT_CONFLICT;
  if (!c->snat_port_first || c->snat_port_last < c->snat_port_first) return FL_REASON_SNAT_EXHAUSTED;
  struct port_search s = {.opening = o,
                          .slot = slot,
                          .generation = generation,
                          .first = c->snat_port_first,
                          .count = c->snat_port_last - c->snat_port_first + 1};
  const struct fl_ct_key *k = &o->record.key;
  __u32 mix = (k->address[0].word[3] ^ k->address[1].word[3] * 0x9e3779b1u) + k->port[0] + (k->port[1] << 16);
  s.next = (mix * 0x85ebca6bu >> 16) % s.count;
  bpf_loop(s.count < PORT_TRIES ? s.count : PORT_TRIES, try_port, &s, 0);
  return s.found ? FL_REASON_FORWARDED : FL_REASON_SNAT_EXHAUSTED;
}

/* What connection_make() would answer, read from the same places; for twins. */
static __always_inline int could_make(struct opening *o, struct fl_config *c, struct fl_ct_account *account) {
  __u32 *ring = entry(&ct_half_open, o->owner * FL_HALF_OPEN_QUOTA +
                                         account->half_open_next % FL_HALF_OPEN_QUOTA);
  struct fl_ct_record *oldest = ring && *ring ? entry(&ct_record, *ring - 1) : NULL;
  bool recycles = o->record.life.state == FL_CT_NEW && oldest && oldest->life.state == FL_CT_NEW &&
                  owner_of(oldest) == o->owner;
  if (!recycles) {
    if (o->owner && c->endpoint_quota && account->connections >= c->endpoint_quota)
      return FL_REASON_ENDPOINT_QUOTA;
    __u32 slot;
    struct fl_ct_table *table = only_entry(&ct_table);
    if (bpf_map_peek_elem(&ct_free, &slot) && table && !entry(&ct_record, table->fresh))
      return FL_REASON_CONNTRACK_FULL;
  }
  if (o->record.life.flags & FL_CT_TRANSLATED) return place_server_tuple(o, c, 0, 0);
  return FL_REASON_FORWARDED;
}

/* Makes the connection of `o`, whose record is filled but for its life's generation and place. Both tuples
 * or none: the server's first, so that no client's packet passes before its answer can. */
GLOBAL int connection_make(struct opening *o, struct flow *flow) {
  if (!o || !flow) return FL_REASON_INTERNAL;
  struct fl_config *c = only_entry(&config);
  struct fl_ct_account *account = entry(&ct_account, o->owner);
  if (!c || !account) return FL_REASON_INTERNAL;
  if (explain) return could_make(o, c, account);

  __u32 *ring = NULL;
  __u16 place = 0;
  __u32 slot = NO_SLOT;
  if (o->record.life.state == FL_CT_NEW) slot = take_half_open_place(o->owner, account, &place, &ring);
  if (slot == NO_SLOT) {
    __u32 held = __sync_fetch_and_add(&account->connections, 1);
    if (o->owner && c->endpoint_quota && held >= c->endpoint_quota) {
      __sync_fetch_and_sub(&account->connections, 1);
      account->refused += 1;
      return FL_REASON_ENDPOINT_QUOTA;
    }
    slot = take_free_slot();
  }
  struct fl_ct_record *r = entry(&ct_record, slot);
  if (slot == NO_SLOT || !r) {
    __sync_fetch_and_sub(&account->connections, 1);
    return FL_REASON_CONNTRACK_FULL;
  }

  struct fl_ct_life life = o->record.life;
  life.generation = r->life.generation + 1;
  life.half_open = place;
  o->record.last_seen = bpf_jiffies64();
  /* Everything but the life, then the life: from there on the record is whole. */
  r->key = o->record.key;
  __builtin_memcpy((void *)r + offsetof(struct fl_ct_record, client_endpoint),
                   (void *)&o->record + offsetof(struct fl_ct_record, client_endpoint),
                   sizeof(*r) - offsetof(struct fl_ct_record, client_endpoint));
  int reason = FL_REASON_FORWARDED;
  if (life.flags & FL_CT_TRANSLATED) {
    /* Until the life is published below, who finds this tuple takes it for dead. */
    reason = place_server_tuple(o, c, slot, life.generation);
    struct fl_ct_translation *x = entry(&ct_translation, slot);
    if (x) *x = o->translation;
    /* Without its server's tuple the connection has none that its end might take away. */
    if (reason) life.flags &= ~FL_CT_TRANSLATED;
  }
  if (!reason) {
    life_publish(r, life);
    if (ring) *ring = slot + 1;
    flow->slot = slot;
    flow->generation = life.generation;
    if (insert_tuple(&o->record.key, slot, life.generation)) return FL_REASON_FORWARDED;
    reason = FL_REASON_CT_CONFLICT;
    if (life.flags & FL_CT_TRANSLATED) {
      struct fl_ct_key key = o->server_key;
      bpf_map_delete_elem(&ct_tuple, &key);
    }
    /* Who recycled the slot meanwhile has taken the account's place over. */
    struct fl_ct_life ended = life;
    ended.state = FL_CT_DELETING;
    if (life_swap(r, life, ended)) __sync_fetch_and_sub(&account->connections, 1);
    return reason;
  }
  life.state = FL_CT_DELETING;
  life_publish(r, life);
  __sync_fetch_and_sub(&account->connections, 1);
  return reason;
}

#endif
