/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 1: the sink of "explain". In attached programs `explain` is false and the verifier removes all
 * of this; in twins every step of a decision is written down and nothing else changes. */
#ifndef FAIRLEAD_BPF_TRACE_H
#define FAIRLEAD_BPF_TRACE_H

#include "datapath/abi/trace.h"
#include "datapath/bpf/packet.h"

/* Set before loading a twin: write a trace, change no state, report no event. */
const volatile bool explain __weak = false;

/* Set before loading a twin, and by tests: what a test run cannot know stands in "explain_input". */
const volatile bool facts_given __weak = false;

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct fl_trace);
} trace MAP;

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct fl_explain_input);
} explain_input MAP;

static __always_inline void trace_begin(__u32 stage) {
  if (!explain) return;
  struct fl_trace *t = only_entry(&trace);
  if (!t) return;
  __builtin_memset(t, 0, offsetof(struct fl_trace, step));
  t->stage = stage;
}

/* The next step, for the caller to fill further; null when not explaining. */
static __always_inline struct fl_trace_step *trace_step(__u8 kind, __u32 reason, __u8 map) {
  if (!explain) return NULL;
  struct fl_trace *t = only_entry(&trace);
  if (!t) return NULL;
  __u32 i = t->count;
  if (i >= FL_MAX_TRACE_STEPS) return NULL;
  t->count = i + 1;
  struct fl_trace_step *step = &t->step[i];
  __builtin_memset(step, 0, sizeof(*step));
  step->kind = kind;
  step->passed = reason == FL_REASON_FORWARDED;
  step->map = map;
  step->reason = reason;
  step->rule = FL_NO_RULE;
  step->peer_row = FL_TRACE_NO_ROW;
  step->port_row = FL_TRACE_NO_ROW;
  return step;
}

/* The end: what became of the packet. */
static __always_inline void trace_end(const struct flow *flow, const struct tuple *left, __u32 reason) {
  if (!explain) return;
  struct fl_trace *t = only_entry(&trace);
  if (!t) return;
  t->reason = reason;
  t->hop = flow->to.hop;
  t->node = flow->to.node;
  t->endpoint = flow->to.endpoint;
  t->source = left->source;
  t->destination = left->destination;
  t->source_port = left->source_port;
  t->destination_port = left->destination_port;
  t->protocol = left->protocol;
}

#endif
