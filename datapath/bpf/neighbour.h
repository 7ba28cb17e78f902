/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 3: what a pod may say to the link: it has permanent neighbours and needs little. Permitted
 * towards the stack: ARP; solicitations and advertisements (RFC 4861), those for duplicate address
 * detection included; and an echo from its link-local address to the gateway's. Everything else that is
 * link-local or multicast is dropped: membership reports and router advertisements above all. */
#ifndef FAIRLEAD_BPF_NEIGHBOUR_H
#define FAIRLEAD_BPF_NEIGHBOUR_H

#include "datapath/bpf/parse.h"
#include "datapath/bpf/sender.h"

GLOBAL int check_neighbour(const struct packet *p, __u32 ifindex) {
  if (!p) return FL_REASON_INTERNAL;
  struct fl_endpoint *e = endpoint_at(endpoint_of_device(ifindex));
  if (!e || !(e->flags & FL_ENDPOINT_READY)) return FL_REASON_NOT_PROGRAMMED;
  if (!mac_equal(e->mac, p->mac)) return FL_REASON_SOURCE_MAC;
  if (p->l3 == 0) return FL_REASON_FORWARDED; /* ARP */

  bool link_local = address_is_link_local(&p->outer_source);
  bool own = link_local || address_is_zero(&p->outer_source) || endpoint_has(e, &p->outer_source);
  if (!own) return FL_REASON_SOURCE_ADDRESS;
  if (p->kind == PACKET_NEIGHBOUR) {
    bool permitted = p->type == ICMPV6_ROUTER_SOLICIT || p->type == ICMPV6_NEIGHBOUR_SOLICIT ||
                     p->type == ICMPV6_NEIGHBOUR_ADVERT;
    return permitted ? FL_REASON_FORWARDED : FL_REASON_MULTICAST;
  }
  if (address_is_multicast(&p->tuple.destination)) return FL_REASON_MULTICAST;
  bool echo =
      p->tuple.protocol == PROTOCOL_ICMPV6 && (p->type == ICMPV6_ECHO || p->type == ICMPV6_ECHO_REPLY);
  return echo && address_is_link_local(&p->tuple.destination) ? FL_REASON_FORWARDED
                                                              : FL_REASON_SOURCE_ADDRESS;
}

#endif
