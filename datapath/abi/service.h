/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Services: front end -> range of backend ids -> backend. */
#ifndef FAIRLEAD_ABI_SERVICE_H
#define FAIRLEAD_ABI_SERVICE_H

#include "datapath/abi/types.h"

#define FL_MAX_FRONTENDS (1 << 16)
#define FL_MAX_BACKENDS (1 << 18)      /* index 0 is never used */
#define FL_MAX_BACKEND_IDS (1 << 19)
#define FL_MAX_AFFINITIES (1 << 16)

/* Hash map "frontend". NodePorts have the unspecified address of their family (:: or
 * ::ffff:0.0.0.0) and match on the node's own addresses. */
struct fl_frontend_key {
  struct fl_address address; /* net */
  __be16 port;               /* net */
  __u8 protocol;
  __u8 pad;
};
FL_ABI_SIZE(fl_frontend_key, 20);

enum fl_frontend_flags {
  FL_FRONTEND_NODE_PORT = 1 << 0,
  FL_FRONTEND_LOCAL_ONLY = 1 << 1, /* traffic policy Local: the range holds this node's backends */
  FL_FRONTEND_HOST_PORT = 1 << 2,  /* a pod's hostPort */
};

/* The range is written whole before the front end points to it. */
struct fl_frontend {
  __u32 first;             /* into "backend_id" */
  __u32 count;             /* 0: no endpoints, connections are rejected */
  __u32 flags;
  __u32 affinity_seconds;  /* 0: none */
  __u32 service;           /* the agent's number of this front end, for names */
  __u32 pad;
};
FL_ABI_SIZE(fl_frontend, 24);

/* Array map "backend_id": __u32 index into "backend". Array map "backend": an entry belongs to one port of
 * one Service, so that its connections and affinities see when it is removed there. */
struct fl_backend {
  struct fl_address address; /* net */
  __be16 port;               /* net */
  __u16 flags;               /* 0 */
  __u32 generation;          /* counts up when the entry is removed: its connections end */
};
FL_ABI_SIZE(fl_backend, 24);

/* LRU hash map "affinity": which backend a client had. */
struct fl_affinity_key {
  struct fl_address client; /* net */
  __u32 service;
};
FL_ABI_SIZE(fl_affinity_key, 20);

struct fl_affinity {
  __u32 backend;
  __u32 backend_generation;
  __u64 used_jiffies; /* bpf_jiffies64() of the last connection */
};
FL_ABI_SIZE(fl_affinity, 16);

/* Socket level. LRU hash map "socket_choice": which backend a socket was led to, by the front end's address
 * (where its next datagram there goes) and by the backend's own (which connections end with that backend). LRU
 * hash map "socket_origin", by the backend's address: what a socket believes to talk to. */
#define FL_MAX_SOCKETS (1 << 16)

struct fl_socket_key {
  __u64 cookie;              /* bpf_get_socket_cookie() */
  struct fl_address address; /* net */
  __be16 port;               /* net */
  __u8 protocol;
  __u8 pad[5];
};
FL_ABI_SIZE(fl_socket_key, 32);

struct fl_socket_choice {
  __u32 backend;
  __u32 backend_generation;
};
FL_ABI_SIZE(fl_socket_choice, 8);

struct fl_socket_origin {
  struct fl_address address; /* net */
  __be16 port;               /* net */
  __u16 pad;
};
FL_ABI_SIZE(fl_socket_origin, 20);

#endif
