/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 3: the verdict of one policy set about one peer and port, by bit vectors (abi/policy.h).
 *
 *   1. The peer's class: its own address, else the longest prefix over it, else class 0.
 *   2. The row of rules whose peer side that class matches.
 *   3. The row of rules whose port side (protocol, port) matches.
 *   4. The lowest bit set in both is the first rule that matches: its action is the verdict.
 *
 * The set and its epoch are read first and at once: a change published later is seen by the epoch that
 * the connection keeps. */
#ifndef FAIRLEAD_BPF_POLICY_H
#define FAIRLEAD_BPF_POLICY_H

#include "datapath/abi/policy.h"
#include "datapath/bpf/scratch.h"
#include "datapath/bpf/trace.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, FL_MAX_POLICY_SETS);
  __type(key, __u32);
  __type(value, struct fl_policy_set);
} policy_set MAP;

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, FL_MAX_POLICY_GENERATIONS);
  __type(key, __u32);
  __type(value, struct fl_policy_generation);
} policy_generation MAP;

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, FL_MAX_RULES);
  __type(key, __u32);
  __type(value, struct fl_policy_rule);
} policy_rule MAP;

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, FL_MAX_CLASS_ADDRESSES);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct fl_address);
  __type(value, __u32);
} class_by_address MAP;

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, FL_MAX_CLASS_PREFIXES);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct fl_address_prefix);
  __type(value, __u32);
} class_by_prefix MAP;

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, FL_MAX_CLASS_ROWS);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct fl_class_row_key);
  __type(value, __u32);
} row_by_class MAP;

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, FL_MAX_PORT_ROWS);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct fl_port_row_key);
  __type(value, __u32);
} row_by_port MAP;

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, FL_MAX_ROW_WORDS);
  __type(key, __u32);
  __type(value, __u64);
} row_word MAP;

/* Generation in the low half, epoch in the high half on little-endian machines: read by one load. */
static __always_inline bool read_set(__u32 index, struct fl_policy_set *set) {
  struct fl_policy_set *shared = entry(&policy_set, index);
  if (!shared) return false;
  __u64 word = *(volatile __u64 *)shared;
  __builtin_memcpy(set, &word, sizeof(word));
  return true;
}

static __always_inline __u32 set_epoch(__u32 index) {
  struct fl_policy_set set;
  if (index == FL_SET_OPEN || !read_set(index, &set)) return 0;
  return set.epoch;
}

static __always_inline __u32 peer_class(struct policy_question *q) {
  struct fl_address_prefix key = {.length = 128, .address = q->peer};
  __u32 *id = bpf_map_lookup_elem(&class_by_address, &key.address);
  q->class_map = FL_TRACE_MAP_CLASS_BY_ADDRESS;
  if (id) return *id;
  id = bpf_map_lookup_elem(&class_by_prefix, &key);
  q->class_map = id ? FL_TRACE_MAP_CLASS_BY_PREFIX : FL_TRACE_MAP_NONE;
  return id ? *id : 0;
}

static __always_inline __u32 bit_count(__u64 word) {
  word -= (word >> 1) & 0x5555555555555555;
  word = (word & 0x3333333333333333) + ((word >> 2) & 0x3333333333333333);
  word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0f;
  return (word * 0x0101010101010101) >> 56;
}

/* Offset of the word that `bit` of the row's current summary word stands for; `first` is that of bit 0. A row
 * without gaps, whose search is long, is not asked again for its summary. */
static __always_inline __u32 word_of(const struct policy_question *q, __u32 row, __u32 first, bool full,
                                     __u32 bit) {
  if (full) return first + bit;
  __u64 *summary = entry(&row_word, row + q->summary - 1);
  return summary ? first + bit_count(*summary & ((1ull << (bit & 63)) - 1)) : FL_MAX_ROW_WORDS;
}

/* Goes on to the next summary word of both rows; false at their end. */
static __always_inline bool next_summary(struct policy_question *q) {
  if (q->summary >= q->summary_count) return false;
  if (q->summary) {
    __u64 *peer = entry(&row_word, q->peer_row + q->summary - 1);
    __u64 *port = entry(&row_word, q->port_row + q->summary - 1);
    if (!peer || !port) return false;
    q->peer_word += bit_count(*peer);
    q->port_word += bit_count(*port);
  }
  __u64 *peer = entry(&row_word, q->peer_row + q->summary);
  __u64 *port = entry(&row_word, q->port_row + q->summary);
  if (!peer || !port) return false;
  q->peer_full = *peer == ~0ull;
  q->port_full = *port == ~0ull;
  q->candidates = *peer & *port;
  q->summary++;
  return true;
}

/* bpf_loop() gives its callback the stack only. Kernel 6.1 checks a callback as if it ran once: what changes
 * from round to round must not be on the stack with a value that it knows. */
struct match_search {
  struct policy_question *q;
};

static long match_step(__u32 i, struct match_search *s) {
  (void)i;
  struct policy_question *q = s->q;
  if (!q->candidates) return next_summary(q) ? 0 : 1;
  __u32 bit = lowest_bit(q->candidates);
  __u64 *peer = entry(&row_word, word_of(q, q->peer_row, q->peer_word, q->peer_full, bit));
  __u64 *port = entry(&row_word, word_of(q, q->port_row, q->port_word, q->port_full, bit));
  if (!peer || !port) return 1;
  __u64 both = *peer & *port;
  if (both) {
    q->rule = ((q->summary - 1) * 64 + bit) * 64 + lowest_bit(both);
    return 1;
  }
  q->candidates &= q->candidates - 1;
  return 0;
}

/* The first rule in both rows, or FL_NO_RULE. */
static __always_inline __u32 first_match(struct policy_question *q, __u32 summary_count) {
  struct match_search s = {.q = q};
  q->candidates = 0;
  q->peer_word = q->peer_row + summary_count;
  q->port_word = q->port_row + summary_count;
  q->summary = 0;
  q->summary_count = summary_count;
  bpf_loop(FL_MAX_SUMMARY_WORDS * (64 + 1), match_step, &s, 0);
  return q->rule;
}

static __always_inline __u32 evaluate(struct policy_question *q) {
  struct fl_policy_set set;
  q->epoch = 0;
  q->number = 0;
  q->rule = FL_NO_RULE;
  q->generation = 0;
  q->peer_row = FL_TRACE_NO_ROW;
  q->port_row = FL_TRACE_NO_ROW;
  q->class_map = FL_TRACE_MAP_NONE;
  if (q->set == FL_SET_OPEN) return FL_REASON_FORWARDED;

  if (!read_set(q->set, &set)) return FL_REASON_POLICY_INCOMPLETE;
  q->epoch = set.epoch;
  q->generation = set.generation;
  struct fl_policy_generation *generation = entry(&policy_generation, set.generation);
  if (!generation) return FL_REASON_POLICY_INCOMPLETE;
  q->number = generation->number;

  q->class_id = peer_class(q);
  struct fl_class_row_key by_class = {.generation = set.generation, .class_id = q->class_id};
  __u32 *row = bpf_map_lookup_elem(&row_by_class, &by_class);
  q->peer_row = row ? *row : generation->any_peer_row;

  struct fl_port_row_key by_port = {
      .length = 56, .generation = bpf_htonl(set.generation), .protocol = q->protocol};
  __builtin_memcpy(by_port.port, &q->port, sizeof(by_port.port));
  row = bpf_map_lookup_elem(&row_by_port, &by_port);
  q->port_row = row ? *row : generation->any_port_row;

  __u32 bit = first_match(q, generation->summary_count);
  if (bit >= generation->rule_count) {
    q->rule = FL_NO_RULE;
    return FL_REASON_POLICY_INCOMPLETE;
  }
  struct fl_policy_rule *rule = entry(&policy_rule, generation->rule_base + bit);
  if (!rule) return FL_REASON_POLICY_INCOMPLETE;
  if (rule->action == FL_ACTION_ALLOW) return FL_REASON_FORWARDED;
  return q->is_egress ? FL_REASON_EGRESS_POLICY : FL_REASON_INGRESS_POLICY;
}

/* FORWARDED, EGRESS_POLICY, INGRESS_POLICY or POLICY_INCOMPLETE (which drops: never fail open). */
GLOBAL int ask_policy(struct policy_question *q) {
  if (!q) return FL_REASON_INTERNAL;
  q->class_id = 0;
  __u32 reason = evaluate(q);
  struct fl_trace_step *step =
      trace_step(q->is_egress ? FL_TRACE_EGRESS_POLICY : FL_TRACE_INGRESS_POLICY, reason,
                 q->rule == FL_NO_RULE ? FL_TRACE_MAP_POLICY_SET : FL_TRACE_MAP_POLICY_RULE);
  if (step) {
    step->class_map = q->class_map;
    step->endpoint = q->endpoint;
    step->set = q->set;
    step->generation = q->generation;
    step->rule = q->rule;
    step->class_id = q->class_id;
    step->peer_row = q->peer_row;
    step->port_row = q->port_row;
    step->address = q->peer;
    step->port = q->port;
    step->protocol = q->protocol;
  }
  return reason;
}

#endif
