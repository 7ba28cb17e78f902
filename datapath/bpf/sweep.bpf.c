// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* The sweep's timer, and two programs for user space to run once by BPF_PROG_TEST_RUN on any packet:
 * sweep_arm starts the timer, or has it go on with this version's code: after every load; sweep_now does
 * one tick at once. */
#include "datapath/bpf/sweep.h"

static int on_tick(void *map, __u32 *key, struct sweep_timer *timer) {
  (void)map, (void)key;
  struct fl_ct_table *table = only_entry(&ct_table);
  if (!table) return 0;
  bpf_timer_start(&timer->timer, sweep_tick(table), 0);
  return 0;
}

#define CLOCK_MONOTONIC 1

SEC("tc")
int sweep_arm(struct __sk_buff *ctx) {
  (void)ctx;
  struct sweep_timer *timer = only_entry(&ct_timer);
  if (!timer) return 1;
  bpf_timer_init(&timer->timer, &ct_timer, CLOCK_MONOTONIC); /* fails when it is there already: fine */
  if (bpf_timer_set_callback(&timer->timer, on_tick)) return 2;
  return bpf_timer_start(&timer->timer, TICK_NS, 0) ? 3 : 0;
}

SEC("tc")
int sweep_now(struct __sk_buff *ctx) {
  (void)ctx;
  struct fl_ct_table *table = only_entry(&ct_table);
  if (table) sweep_tick(table);
  return 0;
}
