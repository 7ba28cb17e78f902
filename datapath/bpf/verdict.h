/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 2: the two ends of a packet: every drop leaves through drop(), which counts and reports it;
 * every new connection is reported once. */
#ifndef FAIRLEAD_BPF_VERDICT_H
#define FAIRLEAD_BPF_VERDICT_H

#include "datapath/abi/event.h"
#include "datapath/bpf/scratch.h"
#include "datapath/bpf/trace.h"

struct event_ring {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, FL_EVENTS_SIZE);
};

/* By CPU; whoever loads the programs sizes it and puts the rings in (event_rings.h). */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, 1);
  __type(key, __u32);
  __array(values, struct event_ring);
} events MAP;

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} events_lost MAP;

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, FL_MAX_REASONS);
  __type(key, __u32);
  __type(value, struct fl_counter);
} reason_counter MAP;

GLOBAL int report(const struct packet *packet, const struct flow *flow, __u32 reason) {
  if (!packet || !flow || explain) return 0;
  __u32 cpu = bpf_get_smp_processor_id();
  void *ring = bpf_map_lookup_elem(&events, &cpu);
  struct fl_event *event = ring ? bpf_ringbuf_reserve(ring, sizeof(*event), 0) : NULL;
  if (!event) {
    __u64 *lost = only_entry(&events_lost);
    if (lost) *lost += 1;
    return 0;
  }
  const struct tuple *shown = flow->translated ? &flow->out : &packet->tuple;
  event->time_ns = bpf_ktime_get_ns();
  /* A client whose address was translated is shown as it is; so is the backend. */
  event->source = packet->tuple.source;
  event->source_port = packet->tuple.source_port;
  event->destination = shown->destination;
  event->destination_port = shown->destination_port;
  __builtin_memset(&event->service, 0, sizeof(event->service));
  event->service_port = 0;
  if (flow->translated && flow->from_client) {
    event->service = packet->tuple.destination;
    event->service_port = packet->tuple.destination_port;
  }
  event->protocol = packet->tuple.protocol;
  event->stage = flow->stage;
  event->reason = reason;
  event->length = packet->length;
  event->generation = flow->set_generation;
  event->rule = flow->rule;
  event->source_endpoint = flow->from.endpoint;
  event->destination_endpoint = flow->to.endpoint;
  bool many = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) >= FL_EVENTS_WAKE;
  bpf_ringbuf_submit(event, many ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
  return 0;
}

/* Which groups a host listens to (IGMP, MLD; RFC 3376, 3810): every pod sends some when its link comes up. */
static __always_inline bool is_membership_report(const struct packet *p) {
  if (p->tuple.protocol == PROTOCOL_IGMP) return true;
  return p->tuple.protocol == PROTOCOL_ICMPV6 &&
         (p->type == ICMPV6_MLD_REPORT || p->type == ICMPV6_MLD_DONE || p->type == ICMPV6_MLD2_REPORT);
}

/* The only way out for a packet that does not go on. Membership reports are counted only: an event for each
 * would say nothing and bury the others. */
static __always_inline int drop(struct scratch *s, __u32 reason) {
  if (explain) {
    trace_end(&s->flow, &s->packet.tuple, reason);
    return TC_ACT_SHOT;
  }
  struct fl_counter *counter = entry(&reason_counter, reason);
  if (counter) {
    counter->packets += 1;
    counter->bytes += s->packet.length;
  }
  if (reason != FL_REASON_MULTICAST || !is_membership_report(&s->packet))
    report(&s->packet, &s->flow, reason);
  return TC_ACT_SHOT;
}

#endif
