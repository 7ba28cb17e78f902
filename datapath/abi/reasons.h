/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Why a packet went on or not. The one table that code, CLI and docs/reasons.md are made from:
 *   X(constant, "name", "what it means and what a person can do")
 * Numbers are part of the flow log: add at the end.
 */
#ifndef FAIRLEAD_ABI_REASONS_H
#define FAIRLEAD_ABI_REASONS_H

#define FL_REASONS(X)                                                                              \
  X(FORWARDED, "forwarded", "The packet went on.")                                                 \
  X(MALFORMED, "malformed packet", "A header is truncated or its lengths contradict each other.") \
  X(UNSUPPORTED_PROTOCOL, "unsupported protocol", "Neither IPv4, IPv6, ARP nor neighbour discovery.") \
  X(NOT_PROGRAMMED, "not yet programmed", "The pod's policy is not in the datapath yet; it is dropped until the agent has committed it.") \
  X(SOURCE_ADDRESS, "source address is not the pod's", "The pod sent from an address that it was not given.") \
  X(SOURCE_MAC, "source MAC is not the pod's", "The pod sent from a link-layer address that it was not given.") \
  X(MULTICAST, "multicast from a pod", "Multicast other than neighbour discovery is not carried between pods.") \
  X(EGRESS_POLICY, "denied by egress policy", "The first matching rule of the source pod's egress policies denies; see its name.") \
  X(INGRESS_POLICY, "denied by ingress policy", "The first matching rule of the destination pod's ingress policies denies; see its name.") \
  X(POLICY_INCOMPLETE, "policy tables are incomplete", "No rule matched in an isolating set, which cannot happen; the agent repairs it.") \
  X(NO_ENDPOINTS, "service has no endpoints", "The Service selects no ready pod, or none on this node where its traffic policy is Local; the client gets a reset or an ICMP error.") \
  X(NO_SUCH_POD, "no pod has this address", "The address is in this node's pod range but no pod has it.") \
  X(MID_STREAM, "not part of a known connection", "A packet that opens nothing (TCP without SYN, SCTP without INIT, an echo reply) belongs to no tracked connection, and policy does not admit its two ends in both directions.") \
  X(BACKEND_GONE, "backend was removed", "The pod that served this connection is no longer an endpoint of the Service.") \
  X(CONNTRACK_FULL, "connection table is full", "All connection slots of the node are in use (docs/limits.md).") \
  X(ENDPOINT_QUOTA, "pod's connection quota is used up", "This pod holds its share of the connection table (docs/limits.md).") \
  X(SNAT_EXHAUSTED, "no source port left", "Every source port towards this destination is in use.") \
  X(SPOOFED_OVERLAY, "tunnel source does not own the pod address", "The outer source is not the node that owns the inner source.") \
  X(SPOOFED_UNDERLAY, "outside packet claims a pod address of this node", "A packet came in from a node device with a source that lives on this node.") \
  X(FRAGMENT, "fragment without its head", "The fragment's head was not seen and the kernel could not reassemble it.") \
  X(TTL_EXCEEDED, "hop limit exceeded", "The packet was forwarded too often.") \
  X(MTU_EXCEEDED, "packet is larger than the path", "The sender was told by ICMP (fragmentation needed / packet too big).") \
  X(NO_ROUTE, "no route", "The node has no route to the destination.") \
  X(ICMP_UNRELATED, "ICMP error of an unknown connection", "The packet quoted inside belongs to no tracked connection.") \
  X(CT_CONFLICT, "connection tuple is taken", "Another connection uses the same addresses and ports after translation, and no other source port is free; the client may retry.") \
  X(INTERNAL, "internal error", "A map that must hold an entry does not; the agent repairs it and counts it.") \
  X(NO_SUCH_SERVICE, "no such service", "The address is in the Services' ranges, but no Service has it at this port, or not for clients outside; the client gets a reset or an ICMP error.") \
  X(IMPOSSIBLE_SOURCE, "impossible source address", "A packet came in from a node device with a source that nothing out there can have: an address of this node, loopback, unspecified, link-local or multicast. Somebody forges it.")

/* Room for more of them: the counters' map is pinned and outlives this version. */
#define FL_MAX_REASONS 64

enum fl_reason {
#define FL_REASON_ENUM(constant, name, text) FL_REASON_##constant,
  FL_REASONS(FL_REASON_ENUM)
#undef FL_REASON_ENUM
  FL_REASON_COUNT
};

#endif
