/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 4: who sent a packet, and whether it may claim to be that. */
#ifndef FAIRLEAD_BPF_SENDER_H
#define FAIRLEAD_BPF_SENDER_H

#include "datapath/bpf/connection.h"
#include "datapath/bpf/topology.h"

static __always_inline bool mac_equal(const __u8 *a, const __u8 *b) {
  return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3] && a[4] == b[4] && a[5] == b[5];
}

/* Whether a packet on device `ifindex` is from endpoint `index`. */
static __always_inline int check_endpoint(__u32 index, __u32 ifindex, const struct packet *packet) {
  struct fl_endpoint *e = endpoint_at(index);
  if (!e || e->ifindex != ifindex || !(e->flags & FL_ENDPOINT_READY)) return FL_REASON_NOT_PROGRAMMED;
  if (!endpoint_has(e, &packet->outer_source)) return FL_REASON_SOURCE_ADDRESS;
  if (!mac_equal(e->mac, packet->mac)) return FL_REASON_SOURCE_MAC;
  return FL_REASON_FORWARDED;
}

static __always_inline __u32 endpoint_of_device(__u32 ifindex) {
  __u32 *index = bpf_map_lookup_elem(&pod_device, &ifindex);
  return index ? *index : 0;
}

/* Ends the connection of a packet that does not belong to it after all. */
static __always_inline void forget(const struct packet *packet, struct flow *flow) {
  connection_end(flow->slot, flow->generation);
  flow->found = false;
  flow->reopens = false;
  flow->translated = false;
  flow->out = packet->tuple;
}

/* A pod's packet: address, link-layer address and device must be those of one endpoint. The connection
 * names the endpoint; only where it names another one is the device asked. */
GLOBAL int check_pod_sender(const struct packet *packet, struct flow *flow, __u32 ifindex) {
  if (!packet || !flow) return FL_REASON_INTERNAL;
  __u32 index = flow->found ? flow->from.endpoint : endpoint_of_device(ifindex);
  int reason = check_endpoint(index, ifindex, packet);
  if (reason && flow->found) {
    index = endpoint_of_device(ifindex);
    reason = check_endpoint(index, ifindex, packet);
    if (!reason) forget(packet, flow); /* of a pod that had the address before */
  }
  struct fl_trace_step *step =
      trace_step(FL_TRACE_SOURCE, reason, index ? FL_TRACE_MAP_ENDPOINT : FL_TRACE_MAP_POD_DEVICE);
  if (step) {
    step->endpoint = index;
    step->address = packet->outer_source;
  }
  if (reason) {
    flow->from.endpoint = index; /* whom to blame, whatever the packet claims */
    return reason;
  }
  if (!flow->found) {
    flow->from.hop = FL_HOP_LOCAL_POD;
    flow->from.node = 0;
    flow->from.endpoint = index;
  }
  return FL_REASON_FORWARDED;
}

/* A packet from a device of the node: the sender must not be a pod that lives here, nor, with an overlay,
 * a pod of another node, whose packets come through the tunnel. */
GLOBAL int check_underlay_sender(const struct packet *packet, struct flow *flow) {
  if (!packet || !flow) return FL_REASON_INTERNAL;
  struct fl_config *c = only_entry(&config);
  if (!c) return FL_REASON_INTERNAL;
  int reason = FL_REASON_FORWARDED;
  if (!flow->found) {
    if (find_way(&packet->tuple.source, &flow->from)) reason = FL_REASON_SPOOFED_UNDERLAY;
    bool pod_range = flow->from.hop == FL_HOP_REMOTE_NODE && flow->from.map == FL_TRACE_MAP_POD_RANGE;
    if (pod_range && c->flags & FL_CONFIG_OVERLAY) reason = FL_REASON_SPOOFED_OVERLAY;
  }
  if (flow->from.endpoint) reason = FL_REASON_SPOOFED_UNDERLAY;
  struct fl_trace_step *step = trace_step(FL_TRACE_SOURCE, reason, flow->from.map);
  if (step) step->address = packet->outer_source;
  return reason;
}

/* A packet from a device of the node on its way to a pod, for which the node's stack would have looked that
 * its source is one that the packet can have there (RFC 1812, 5.3.7). */
static __always_inline int check_possible(const struct packet *packet, const struct flow *flow) {
  const struct fl_address *source = &packet->outer_source;
  /* A router of the link may have no other address. */
  bool router = packet->kind == PACKET_ICMP_ERROR && address_is_link_local(source);
  bool on_host = address_stays_home(source) && !router;
  bool impossible = on_host || flow->from.hop == FL_HOP_HOST || address_is_multicast(source);
  if (!impossible) return FL_REASON_FORWARDED;
  struct fl_trace_step *step = trace_step(FL_TRACE_SOURCE, FL_REASON_IMPOSSIBLE_SOURCE, flow->from.map);
  if (step) step->address = *source;
  return FL_REASON_IMPOSSIBLE_SOURCE;
}

/* A packet out of the tunnel: the node that sent it must own the inner source. */
GLOBAL int check_tunnel_sender(const struct packet *packet, struct flow *flow,
                               const struct fl_address *outer_source) {
  if (!packet || !flow || !outer_source) return FL_REASON_INTERNAL;
  struct way of_source = {};
  /* An ICMP error of a router, or of the node itself, has another source than its connection. */
  int reason = find_way(&packet->outer_source, &of_source);
  struct fl_node *owner = entry(&node, of_source.node);
  if (reason || of_source.hop != FL_HOP_REMOTE_NODE || !owner ||
      !address_equal(&owner->address, outer_source))
    reason = FL_REASON_SPOOFED_OVERLAY;
  if (!flow->found) find_way(&packet->tuple.source, &flow->from);
  struct fl_trace_step *step = trace_step(FL_TRACE_SOURCE, reason, of_source.map);
  if (step) {
    step->address = packet->outer_source;
    step->node = of_source.node;
  }
  return reason;
}

#endif
