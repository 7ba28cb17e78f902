/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Connections. A tuple leads to a slot; the slot's record holds the connection.
 *
 * Hash map "ct_tuple": struct fl_ct_key -> struct fl_ct_ref. An untranslated connection has one
 * entry; a translated one has two: as the client sees it and as the server sees it. Array maps
 * "ct_record" and, for translated ones, "ct_translation", by slot; both have as many entries as there
 * may be connections, "ct_tuple" twice as many. A ref whose generation is not its record's is dead.
 *
 * Free slots: stack map "ct_free" of __u32, of the same size as "ct_record", empty at first; when it
 * is empty, the next slot never used (fl_ct_table.fresh). User space fills in nothing.
 */
#ifndef FAIRLEAD_ABI_CONNTRACK_H
#define FAIRLEAD_ABI_CONNTRACK_H

#include "datapath/abi/types.h"

struct fl_ct_key {
  struct fl_address address[2]; /* net; [0] with port[0] is the smaller, compared as host-order words */
  __be16 port[2];               /* net; ICMP echo: the identifier in both */
  __u8 protocol;
  __u8 pad[3];
};
FL_ABI_SIZE(fl_ct_key, 40);

#define FL_CT_SERVER_TUPLE 0x80000000u /* in fl_ct_ref.slot: the tuple as the server sees it */

struct fl_ct_ref {
  __u32 slot; /* without FL_CT_SERVER_TUPLE: index of the record */
  __u32 generation;
};
FL_ABI_SIZE(fl_ct_ref, 8);

enum fl_ct_state {
  FL_CT_FREE = 0,
  FL_CT_NEW = 1,         /* half-open: not answered yet; TCP and SCTP: handshake not done */
  FL_CT_ESTABLISHED = 2,
  FL_CT_CLOSING = 3,     /* TCP: both sides sent FIN, or one RST; SCTP: ABORT or SHUTDOWN COMPLETE */
  FL_CT_DELETING = 4,    /* first phase: no longer found; its tuples are being removed */
  FL_CT_DRAINING = 5,    /* second phase: the next visit of the sweep frees the slot */
};

enum fl_ct_flags {
  FL_CT_CLIENT_IS_FIRST = 1 << 0,   /* the client is address[0] of `key` */
  FL_CT_TRANSLATED = 1 << 1,        /* has an entry in "ct_translation" */
  FL_CT_FIN_CLIENT = 1 << 2,
  FL_CT_FIN_SERVER = 1 << 3,
  FL_CT_FROM_HOST = 1 << 4,         /* the node's own: no policy */
  FL_CT_SOURCE_TRANSLATED = 1 << 5, /* the server sees an address and port of ours (SNAT) */
  FL_CT_ANSWERED = 1 << 6,          /* the server has sent something */
  FL_CT_ADOPTED = 1 << 7,           /* began before we saw it; admitted in both directions */
};

/* Where packets to one side of the connection go. */
enum fl_hop {
  FL_HOP_UNKNOWN = 0,
  FL_HOP_LOCAL_POD = 1,
  FL_HOP_HOST = 2,        /* this node's own stack */
  FL_HOP_REMOTE_NODE = 3, /* a pod of another node, or that node itself */
  FL_HOP_OUTSIDE = 4,
};

/* In fl_ct_life.half_open: the client's socket led the connection to its backend by itself (socket level). It is
 * not translated, but its entry in "ct_translation" names the backend. */
#define FL_CT_SOCKET_BACKEND 0x8000

/* The part of a record that changes by compare-and-swap alone: 8 aligned bytes. */
struct fl_ct_life {
  __u32 generation;
  __u8 state; /* enum fl_ct_state */
  __u8 flags; /* enum fl_ct_flags */
  __u16 half_open; /* place in the owner's ring "ct_half_open", and FL_CT_SOCKET_BACKEND */
};
FL_ABI_SIZE(fl_ct_life, 8);

#define FL_CT_IDLE_NEW_S 30
#define FL_CT_IDLE_TCP_S 10800 /* beyond the default keepalive of 2 h */
#define FL_CT_IDLE_HALF_CLOSED_S 3600
#define FL_CT_IDLE_CLOSING_S 10
#define FL_CT_IDLE_UDP_S 180
#define FL_CT_IDLE_OTHER_S 60

/* Seconds without a packet after which the sweep ends a connection. `protocol`: IANA. */
static inline __u32 fl_ct_idle_limit_s(__u8 protocol, struct fl_ct_life life) {
  if (life.state == FL_CT_CLOSING) return FL_CT_IDLE_CLOSING_S;
  if (life.state == FL_CT_NEW) return FL_CT_IDLE_NEW_S;
  if (protocol == 6 || protocol == 132) /* TCP, SCTP */
    return life.flags & (FL_CT_FIN_CLIENT | FL_CT_FIN_SERVER) ? FL_CT_IDLE_HALF_CLOSED_S : FL_CT_IDLE_TCP_S;
  return protocol == 17 ? FL_CT_IDLE_UDP_S : FL_CT_IDLE_OTHER_S; /* UDP */
}

struct fl_ct_record {
  struct fl_ct_key key;   /* of the client's tuple */
  struct fl_ct_life life;
  __u16 client_endpoint;  /* index into "endpoint", 0: not a pod of this node */
  __u16 server_endpoint;
  __u16 egress_set;       /* decided under: set and epoch of the client's egress ... */
  __u16 ingress_set;      /* ... and of the server's ingress */
  __u32 egress_epoch;
  __u32 ingress_epoch;
  __u32 last_seen;        /* low 32 bits of bpf_jiffies64() */
  __u32 packets;          /* statistics, not exact across CPUs */
  __u64 bytes;
  __u16 client_node;      /* index into "node", for FL_HOP_REMOTE_NODE */
  __u16 server_node;
  __u8 client_hop;        /* enum fl_hop */
  __u8 server_hop;
  __u16 route_epoch;      /* of the config under which hops were looked up */
};
FL_ABI_SIZE(fl_ct_record, 88);

struct fl_ct_translation {
  struct fl_address client; /* net; as the server sees it */
  struct fl_address server; /* net; the backend */
  __be16 client_port;       /* net */
  __be16 server_port;       /* net */
  __u32 backend;            /* index into "backend", 0: none */
  __u32 backend_generation;
  __u32 service;            /* of the front end, for names */
};
FL_ABI_SIZE(fl_ct_translation, 48);

/* A connection is charged to the client's endpoint if that is a pod of this node, else to the
 * server's, else to 0, the node. Array map "ct_account", by endpoint index. */
struct fl_ct_account {
  __u32 connections;     /* live now, exact */
  __u32 half_open_next;  /* place in the ring that the next half-open connection takes, modulo its size */
  __u32 recycled;        /* half-open connections that made room for newer ones of the same pod */
  __u32 refused;         /* connections refused for the quota */
};
FL_ABI_SIZE(fl_ct_account, 16);

/* Array map "ct_half_open": FL_HALF_OPEN_QUOTA places an endpoint, two an entry, as the kernel rounds an
 * array's values up to 8 bytes. Who takes a place ends the connection that has it, if that is still
 * half-open. */
#define FL_HALF_OPEN_QUOTA 512
struct fl_half_open_pair {
  __u32 slot[2]; /* plus 1, or 0; place 2n is slot[0] of entry n */
};
FL_ABI_SIZE(fl_half_open_pair, 8);

/* Array map "ct_table": one entry, what the sweep and allocation share. */
struct fl_ct_table {
  __u32 fresh;   /* slots ever used: those below */
  __u32 cursor;  /* slot that the sweep looks at next */
  __u32 hz;      /* jiffies a second, measured by the sweep; 0: not known yet, nothing expires */
  __u32 passes;  /* of the sweep over the whole table */
  __u64 sample_jiffies; /* when `hz` was measured from */
  __u64 sample_ns;
  __u64 expired; /* connections ended by the sweep */
  __u64 freed;   /* slots given back */
};
FL_ABI_SIZE(fl_ct_table, 48);

#endif
