/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 4: expiry in the kernel. A timer visits a bounded number of slots a tick, in order, up to the
 * highest one ever used; a whole pass takes PASS_NS at least. */
#ifndef FAIRLEAD_BPF_SWEEP_H
#define FAIRLEAD_BPF_SWEEP_H

#include "datapath/bpf/connection.h"

#define SLOTS_PER_TICK 1024
#define TICK_NS 10000000ull    /* between ticks of one pass */
#define PASS_NS 500000000ull   /* from the end of a pass to the next */
#define SAMPLE_NS 400000000ull /* over which the rate of jiffies is measured at least */

struct sweep_timer {
  struct bpf_timer timer;
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct sweep_timer);
} ct_timer MAP;

/* Whether endpoint `index` still has one of the connection's addresses. */
static __always_inline bool endpoint_is_gone(__u32 index, const struct fl_ct_record *r, bool first) {
  if (!index) return false;
  struct fl_endpoint *e = endpoint_at(index);
  return !e || !endpoint_has(e, first ? &r->key.address[0] : &r->key.address[1]);
}

static __always_inline void visit_slot(__u32 slot, struct fl_ct_table *table) {
  struct fl_ct_record *r = entry(&ct_record, slot);
  if (!r) return;
  struct fl_ct_life life = life_read(r), next = life;
  if (life.state == FL_CT_FREE) return;
  if (life.state == FL_CT_DELETING) {
    next.state = FL_CT_DRAINING;
    life_swap(r, life, next);
    return;
  }
  if (life.state == FL_CT_DRAINING) {
    next.state = FL_CT_FREE;
    if (life_swap(r, life, next) && !bpf_map_push_elem(&ct_free, &slot, 0)) table->freed += 1;
    return;
  }
  bool client_first = life.flags & FL_CT_CLIENT_IS_FIRST;
  bool gone = endpoint_is_gone(r->client_endpoint, r, client_first);
  if (!(life.flags & FL_CT_TRANSLATED)) gone |= endpoint_is_gone(r->server_endpoint, r, !client_first);
  __u32 idle = (__u32)bpf_jiffies64() - r->last_seen;
  bool expired =
      table->hz && (__s32)idle > 0 && idle / table->hz >= fl_ct_idle_limit_s(r->key.protocol, life);
  if ((gone || expired) && connection_end(slot, life.generation)) table->expired += 1;
}

/* The rate of jiffies is a constant of the kernel that nothing tells a program. */
static __always_inline void measure_hz(struct fl_ct_table *table) {
  if (table->hz) return;
  __u64 jiffies = bpf_jiffies64(), now = bpf_ktime_get_ns();
  if (!table->sample_ns) {
    table->sample_ns = now;
    table->sample_jiffies = jiffies;
    return;
  }
  __u64 passed = now - table->sample_ns;
  if (passed < SAMPLE_NS) return;
  __u64 hz = ((jiffies - table->sample_jiffies) * 1000000000ull + passed / 2) / passed;
  table->hz = hz < 175 ? 100 : hz < 275 ? 250 : hz < 650 ? 300 : 1000;
}

struct sweep_progress {
  __u32 cursor;
  __u32 end;
};

static long sweep_step(__u32 i, struct sweep_progress *progress) {
  (void)i;
  struct fl_ct_table *table = only_entry(&ct_table);
  if (!table || progress->cursor >= progress->end) return 1;
  visit_slot(progress->cursor++, table);
  return 0;
}

/* Visits the next slots; returns the time until the next tick is due, ns. */
static __always_inline __u64 sweep_tick(struct fl_ct_table *table) {
  measure_hz(table);
  struct sweep_progress progress = {.cursor = table->cursor, .end = table->fresh};
  bpf_loop(SLOTS_PER_TICK, sweep_step, &progress, 0);
  if (progress.cursor < progress.end) {
    table->cursor = progress.cursor;
    return TICK_NS;
  }
  table->cursor = 0;
  table->passes += 1;
  return PASS_NS;
}

#endif
