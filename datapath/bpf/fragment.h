/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 3: fragments. Only a datagram's head has ports; the others follow it to its connection.
 *
 *   1. A head is remembered by (source, destination, id, protocol); what follows takes its ports.
 *   2. What comes before its head goes to the helper device (config.reassembly_ifindex), and so does the
 *      rest of that datagram, its head included. Behind it a stack collects the datagram and sends it back,
 *      head first, to the stage "reassembled". Without a helper it drops with FRAGMENT. */
#ifndef FAIRLEAD_BPF_FRAGMENT_H
#define FAIRLEAD_BPF_FRAGMENT_H

#include "datapath/bpf/topology.h"

#define MAX_DATAGRAMS (1 << 13)
#define DATAGRAM_NS 2000000000ull /* after that its id may be another datagram's */

struct datagram_key {
  struct fl_address source;
  struct fl_address destination;
  __be32 id;
  __u8 protocol;
  __u8 from_helper;
  __u8 pad[2];
};

struct datagram {
  __be16 source_port;
  __be16 destination_port;
  __u8 kind; /* of the head; 0: it was not seen, all fragments go to the helper */
  __u8 type;
  __u8 pad[2];
  __u64 seen_ns;
};

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, MAX_DATAGRAMS);
  __type(key, struct datagram_key);
  __type(value, struct datagram);
} datagram MAP;

/* FORWARDED: the packet has its ports. FRAGMENT: its head is not known. */
GLOBAL int follow_head(struct packet *p, bool from_helper) {
  if (!p) return FL_REASON_INTERNAL;
  struct datagram_key key = {.source = p->outer_source,
                             .destination = p->tuple.destination,
                             .id = p->fragment_id,
                             .protocol = p->tuple.protocol,
                             .from_helper = from_helper};
  __u64 now = bpf_ktime_get_ns();
  struct datagram *known = bpf_map_lookup_elem(&datagram, &key);
  if (known && now - known->seen_ns > DATAGRAM_NS) known = NULL;

  if (p->fragment == FRAGMENT_LATER && known && known->kind) {
    p->tuple.source_port = known->source_port;
    p->tuple.destination_port = known->destination_port;
    p->kind = known->kind;
    p->type = known->type;
    return FL_REASON_FORWARDED;
  }
  bool is_head = p->fragment == FRAGMENT_FIRST && (!known || known->kind);
  struct datagram seen = {.seen_ns = now};
  if (is_head) {
    seen.source_port = p->tuple.source_port;
    seen.destination_port = p->tuple.destination_port;
    seen.kind = p->kind;
    seen.type = p->type;
  }
  if ((is_head || !known) && !explain) bpf_map_update_elem(&datagram, &key, &seen, BPF_ANY);
  return is_head ? FL_REASON_FORWARDED : FL_REASON_FRAGMENT;
}

#endif
