/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Connections. A tuple leads to a slot; the slot's record holds the connection.
 *
 * Hash map "ct_tuple": struct fl_ct_key -> struct fl_ct_ref. An untranslated connection has one
 * entry, whose key has the smaller (address, port) first; a translated one has two: as the client
 * sees it and as the backend sees it. Array maps "ct_record" and, for translated ones,
 * "ct_translation", by slot. A ref whose generation is not its record's is dead.
 */
#ifndef FAIRLEAD_ABI_CONNTRACK_H
#define FAIRLEAD_ABI_CONNTRACK_H

#include "datapath/abi/types.h"

struct fl_ct_key {
  struct fl_address address[2]; /* net; [0] with port[0] is the smaller, compared as bytes */
  __be16 port[2];               /* net; ICMP echo: the identifier in both */
  __u8 protocol;
  __u8 pad[3];
};
FL_ABI_SIZE(fl_ct_key, 40);

struct fl_ct_ref {
  __u32 slot;
  __u32 generation;
};
FL_ABI_SIZE(fl_ct_ref, 8);

enum fl_ct_state {
  FL_CT_FREE = 0,
  FL_CT_NEW = 1,         /* seen in one direction only */
  FL_CT_ESTABLISHED = 2, /* answered; TCP: handshake done */
  FL_CT_CLOSING = 3,     /* TCP: FIN or RST seen */
  FL_CT_DELETING = 4,    /* tuples are being removed, then the slot is free */
};

enum fl_ct_flags {
  FL_CT_CLIENT_IS_FIRST = 1 << 0, /* the client is address[0] of `key` */
  FL_CT_TRANSLATED = 1 << 1,
  FL_CT_FIN_CLIENT = 1 << 2,
  FL_CT_FIN_SERVER = 1 << 3,
  FL_CT_FROM_HOST = 1 << 4,       /* the node's own: no policy */
  FL_CT_SOURCE_TRANSLATED = 1 << 5, /* the client's address and port are ours (SNAT) */
};

struct fl_ct_record {
  struct fl_ct_key key;   /* of the client's tuple */
  __u32 generation;
  __u8 state;             /* enum fl_ct_state */
  __u8 flags;             /* enum fl_ct_flags */
  __u16 client_endpoint;  /* index into "endpoint", 0: not a pod of this node */
  __u16 server_endpoint;
  __u16 pad;
  __u32 egress_set;       /* decided under: set and epoch of the client's egress ... */
  __u32 egress_epoch;
  __u32 ingress_set;      /* ... and of the server's ingress */
  __u32 ingress_epoch;
  __u32 created;          /* low 32 bits of bpf_jiffies64() */
  __u32 last_seen;        /* likewise */
  __u32 packets;
  __u64 bytes;
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

#endif
