/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 1: a packet as parsed, and what was decided about it: plain structs that decision functions
 * work on. One form for both families: 128-bit addresses. */
#ifndef FAIRLEAD_BPF_PACKET_H
#define FAIRLEAD_BPF_PACKET_H

#include "datapath/abi/conntrack.h"
#include "datapath/abi/event.h"
#include "datapath/abi/reasons.h"
#include "datapath/bpf/kernel.h"

struct tuple {
  struct fl_address source; /* net */
  struct fl_address destination;
  __be16 source_port; /* net; ICMP echo: the identifier in both; 0 where the protocol has none */
  __be16 destination_port;
  __u8 protocol;
  __u8 pad[3];
};

enum packet_kind {
  PACKET_OPENS = 1,      /* may begin a connection */
  PACKET_CONTINUES = 2,  /* belongs to one that began earlier: TCP without SYN, an echo reply */
  PACKET_ICMP_ERROR = 3, /* quotes a packet of a connection */
  PACKET_NEIGHBOUR = 4,  /* ARP, neighbour discovery: for the stack, never tracked */
};

enum fragment_kind {
  FRAGMENT_NONE = 0,
  FRAGMENT_FIRST = 1,
  FRAGMENT_LATER = 2, /* has no ports of its own */
};

struct packet {
  /* Of the packet; of an ICMP error: of the quoted packet, turned round, so that an error travels in
   * the direction of its tuple like any other packet. */
  struct tuple tuple;
  struct fl_address outer_source; /* net; of the IP header: an ICMP error may come from a router */
  __u8 mac[6];                    /* sender's link-layer address */
  __u8 is_v6;
  __u8 kind;      /* enum packet_kind */
  __u8 fragment;  /* enum fragment_kind */
  __u8 tcp_flags; /* of TCP */
  __u8 type;      /* ICMP type; SCTP: type of the first chunk */
  __u8 hop_limit;
  __u8 dont_fragment; /* IPv4: DF; IPv6: always */
  __u8 transport;     /* bytes of a TCP header */
  __u16 l3;           /* offsets from the start of the frame */
  __u16 l4;
  __u16 quoted_l3; /* of the packet inside an ICMP error */
  __u16 quoted_l4;
  __u16 fragment_offset; /* bytes */
  __u32 length;          /* bytes of the IP packet */
  __u32 segment;         /* bytes of each IP packet that the device will make of it (GSO), else `length` */
  __be32 fragment_id;    /* net */
};

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

#define SCTP_INIT 1
#define SCTP_INIT_ACK 2
#define SCTP_ABORT 6
#define SCTP_SHUTDOWN_COMPLETE 14

/* Where an address lives. */
struct way {
  __u8 hop;       /* enum fl_hop */
  __u8 native;    /* outside, but reached under the sender's own address */
  __u8 service;   /* in a range of Services' addresses, which none but front ends have */
  __u8 map;       /* enum fl_trace_map that told */
  __u16 node;     /* index into "node" */
  __u16 endpoint; /* index into "endpoint", 0: not a pod of this node */
};

/* A packet's connection, and so its fate. */
struct flow {
  struct fl_ct_key key; /* canonical form of the packet's tuple */
  struct tuple out;     /* the packet's tuple as it leaves */
  struct way from;      /* the packet's sender */
  struct way to;        /* the packet's receiver, after translation */
  __u32 slot;
  __u32 generation;
  __u8 stage; /* enum fl_stage */
  __u8 found; /* a live connection has this tuple */
  __u8 from_client;
  __u8 reopens;           /* the packet begins a new connection on the tuple of an old one */
  __u8 own;               /* the node itself sent it */
  __u8 translated;        /* `out` is another tuple than the packet's */
  __u8 source_translated; /* likewise its source: the server is to see an address of ours */
  __u8 rewritten;         /* the packet has the tuple `out` already */
  __u32 backend;          /* chosen for a new connection: index into "backend", 0: none */
  __u32 backend_generation;
  __u32 service;
  __u32 mtu;            /* of the way, where the packet is too big for it */
  __u32 set_generation; /* number of the set that decided, 0: none */
  __u32 rule;           /* index within it, FL_NO_RULE: none */
};

static __always_inline bool address_equal(const struct fl_address *a, const struct fl_address *b) {
  return a->word[0] == b->word[0] && a->word[1] == b->word[1] && a->word[2] == b->word[2] &&
         a->word[3] == b->word[3];
}

static __always_inline bool address_is_zero(const struct fl_address *a) {
  return !(a->word[0] | a->word[1] | a->word[2] | a->word[3]);
}

static __always_inline struct fl_address address_of_v4(__be32 v4) {
  struct fl_address address = {.word = {0, 0, bpf_htonl(0xffff), v4}};
  return address;
}

static __always_inline bool address_is_v4(const struct fl_address *a) {
  return a->word[0] == 0 && a->word[1] == 0 && a->word[2] == bpf_htonl(0xffff);
}

static __always_inline bool address_is_multicast(const struct fl_address *a) {
  if (address_is_v4(a))
    return (a->word[3] & bpf_htonl(0xf0000000)) == bpf_htonl(0xe0000000) || a->word[3] == 0xffffffff;
  return (a->word[0] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000);
}

static __always_inline bool address_is_link_local(const struct fl_address *a) {
  return (a->word[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

/* Nobody's, of a host to itself, or of a link: never beyond it (RFC 1122, 3.2.1.3; RFC 4291, 2.5.2, 2.5.3 and
 * 2.5.6). Of 169.254.0.0/16 only the gateway that every pod has: metadata servers and caches of names live in
 * the rest, and nodes do carry pods there. */
static __always_inline bool address_stays_home(const struct fl_address *a) {
  if (address_is_v4(a)) {
    __be32 network = a->word[3] & bpf_htonl(0xff000000);
    return !network || network == bpf_htonl(0x7f000000) || a->word[3] == bpf_htonl(0xa9fe0101);
  }
  if (address_is_link_local(a)) return true;
  return !a->word[0] && !a->word[1] && !a->word[2] && bpf_ntohl(a->word[3]) <= 1;
}

static __always_inline void tuple_reverse(struct tuple *to, const struct tuple *from) {
  to->source = from->destination;
  to->destination = from->source;
  to->source_port = from->destination_port;
  to->destination_port = from->source_port;
  to->protocol = from->protocol;
}

#endif
