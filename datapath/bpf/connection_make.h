/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 3: a new connection: its owner's quota, a slot, the tuples: both or none. A twin reads the same
 * places and says what would come of it. */
#ifndef FAIRLEAD_BPF_CONNECTION_MAKE_H
#define FAIRLEAD_BPF_CONNECTION_MAKE_H

#include "datapath/bpf/connection.h"

static __always_inline __u32 *half_open_place(__u32 owner, __u32 place) {
  struct fl_half_open_pair *pair = entry(&ct_half_open, (owner * FL_HALF_OPEN_QUOTA + place) / 2);
  if (!pair) return NULL;
  return place % 2 ? &pair->slot[1] : &pair->slot[0];
}

/* A place for a new half-open connection in its owner's ring; ends the one that has it and, when that
 * was still half-open, hands over its slot, else NO_SLOT. */
static __always_inline __u32 take_half_open_place(__u32 owner, struct fl_ct_account *account, __u16 *place,
                                                  __u32 **ring) {
  *place = __sync_fetch_and_add(&account->half_open_next, 1) % FL_HALF_OPEN_QUOTA;
  *ring = half_open_place(owner, *place);
  if (!*ring || !**ring) return NO_SLOT;
  __u32 slot = **ring - 1;
  struct fl_ct_record *r = entry(&ct_record, slot);
  if (!r) return NO_SLOT;
  struct fl_ct_life life = life_read(r);
  if (life.state != FL_CT_NEW || (life.half_open & ~FL_CT_SOCKET_BACKEND) != *place || owner_of(r) != owner)
    return NO_SLOT;
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

/* Inserts the tuple as the server sees it. Where the source is translated, or where two front ends lead the
 * same client port to one server, under the first source port that is free towards this server, from a start
 * that differs with the connection. */
static __always_inline int place_server_tuple(struct opening *o, const struct fl_config *c, __u32 slot,
                                              __u32 generation) {
  bool keeps_port = !(o->record.life.flags & FL_CT_SOURCE_TRANSLATED);
  if (keeps_port && insert_server_tuple(o, slot, generation)) return FL_REASON_FORWARDED;
  int taken = keeps_port ? FL_REASON_CT_CONFLICT : FL_REASON_SNAT_EXHAUSTED;
  if (!c->snat_port_first || c->snat_port_last < c->snat_port_first) return taken;
  struct port_search s = {.opening = o,
                          .slot = slot,
                          .generation = generation,
                          .first = c->snat_port_first,
                          .count = c->snat_port_last - c->snat_port_first + 1};
  const struct fl_ct_key *k = &o->record.key;
  __u32 mix = (k->address[0].word[3] ^ k->address[1].word[3] * 0x9e3779b1u) + k->port[0] + (k->port[1] << 16);
  s.next = (mix * 0x85ebca6bu >> 16) % s.count;
  bpf_loop(s.count < PORT_TRIES ? s.count : PORT_TRIES, try_port, &s, 0);
  return s.found ? FL_REASON_FORWARDED : taken;
}

/* What connection_make() would answer, read from the same places; for twins. */
static __always_inline int could_make(struct opening *o, struct fl_config *c, struct fl_ct_account *account) {
  __u32 *ring = half_open_place(o->owner, account->half_open_next % FL_HALF_OPEN_QUOTA);
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
  life.half_open |= place;
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
  if (life.half_open & FL_CT_SOCKET_BACKEND) {
    struct fl_ct_translation *x = entry(&ct_translation, slot);
    if (x) *x = o->translation;
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
