/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Network policy as bit vectors; how a decision is made stands in bpf/policy.h.
 *
 *   address -> class      hash "class_by_address", then longest-prefix "class_by_prefix"; none: class 0
 *   (generation, class) -> row of peer bits      hash "row_by_class"; none: generation.any_peer_row
 *   (generation, protocol, port) -> row of port bits   longest-prefix "row_by_port"; none: any_port_row
 *   lowest bit set in both rows -> rule of the set: array "policy_rule"[rule_base + bit]
 *
 * A row lies in the array "row_word" at its offset: first summary words, bit i of which says that
 * word i of the row is not zero, then the words that are not zero. The number of summary words stands in the
 * generation; a word's place is the number of bits set before its own.
 */
#ifndef FAIRLEAD_ABI_POLICY_H
#define FAIRLEAD_ABI_POLICY_H

#include "datapath/abi/types.h"

#define FL_MAX_POLICY_SETS 2048        /* sets alive on a node; index 0 is FL_SET_OPEN */
#define FL_MAX_POLICY_GENERATIONS 4096 /* sets alive or being built or in their grace period */
#define FL_MAX_ROW_WORDS (1 << 20)     /* 8 MiB of rows */
#define FL_MAX_RULES (1 << 17)
#define FL_MAX_RULES_PER_SET 16384
#define FL_MAX_SUMMARY_WORDS 4         /* 16384 / 64 / 64 */
#define FL_MAX_CLASS_ADDRESSES (1 << 18)
#define FL_MAX_CLASS_PREFIXES (1 << 16)
#define FL_MAX_CLASS_ROWS (1 << 18)
#define FL_MAX_PORT_ROWS (1 << 16)
#define FL_SET_OPEN 0                  /* no policy isolates: everything passes */

/* Array map "policy_set", by set index. One aligned 8-byte write publishes a change. */
struct fl_policy_set {
  __u32 generation; /* index into "policy_generation" */
  __u32 epoch;      /* a connection decided under another epoch is decided again */
} __attribute__((aligned(8)));
FL_ABI_SIZE(fl_policy_set, 8);

/* Array map "policy_generation". Never changes while a set points to it. */
struct fl_policy_generation {
  __u32 rule_base;    /* first of its rules in "policy_rule" */
  __u32 rule_count;
  __u32 word_count;   /* ceil(rule_count / 64) */
  __u32 summary_count; /* ceil(word_count / 64) */
  __u32 any_peer_row; /* offset into "row_word" */
  __u32 any_port_row;
  __u32 number;       /* for people: counts up over the life of the node */
  __u32 pad;
};
FL_ABI_SIZE(fl_policy_generation, 32);

enum fl_policy_action {
  FL_ACTION_ALLOW = 1,
  FL_ACTION_DENY = 2,
};

/* Array map "policy_rule". Names of rules stay in the agent, under the same index. */
struct fl_policy_rule {
  __u32 action; /* enum fl_policy_action */
#ifdef FAIRLEAD_OTHER_LAYOUTS
  __u32 pad;
#endif
};
#ifdef FAIRLEAD_OTHER_LAYOUTS /* see CMakeLists.txt: what a next version might do, for tests of upgrades */
FL_ABI_SIZE(fl_policy_rule, 8);
#else
FL_ABI_SIZE(fl_policy_rule, 4);
#endif

/* Hash map "row_by_class" -> __u32 offset into "row_word". */
struct fl_class_row_key {
  __u32 generation;
  __u32 class_id;
};
FL_ABI_SIZE(fl_class_row_key, 8);

/* Longest-prefix map "row_by_port" -> __u32 offset into "row_word". */
struct fl_port_row_key {
  __u32 length;      /* bits: 40 (every port of the protocol) .. 56 */
  __be32 generation; /* net */
  __u8 protocol;
  __u8 port[2];      /* net */
  __u8 pad;          /* 0 */
};
FL_ABI_SIZE(fl_port_row_key, 12);

#endif
