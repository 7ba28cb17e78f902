/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What a twin (rodata `explain` = true) writes down about one packet: one entry of the array map
 * "trace", zeroed by the program at its start. Facts that a test run cannot give it stand in the
 * one entry of the array map "explain_input" (rodata `facts_given` = true). Attached programs touch
 * neither.
 */
#ifndef FAIRLEAD_ABI_TRACE_H
#define FAIRLEAD_ABI_TRACE_H

#include "datapath/abi/types.h"

/* X(constant, "name") in the order in which a packet meets them. */
#define FL_TRACE_KINDS(X)               \
  X(SOCKET, "socket level")             \
  X(PARSE, "parse")                     \
  X(SOURCE, "source check")             \
  X(CONNTRACK, "conntrack")             \
  X(SERVICE, "service")                 \
  X(EGRESS_POLICY, "egress policy")     \
  X(INGRESS_POLICY, "ingress policy")   \
  X(TRANSLATION, "translation")         \
  X(ROUTE, "route")

enum fl_trace_kind {
#define FL_TRACE_KIND_ENUM(constant, name) FL_TRACE_##constant,
  FL_TRACE_KINDS(FL_TRACE_KIND_ENUM)
#undef FL_TRACE_KIND_ENUM
  FL_TRACE_KIND_COUNT
};

/* X(constant, "map name"): the map whose entry, or whose lack of an entry, decided. */
#define FL_TRACE_MAPS(X)                    \
  X(NONE, "")                               \
  X(CONFIG, "config")                       \
  X(ENDPOINT, "endpoint")                   \
  X(POD_DEVICE, "pod_device")               \
  X(LOCATION, "location")                   \
  X(POD_RANGE, "pod_range")                 \
  X(CT_TUPLE, "ct_tuple")                   \
  X(FRONTEND, "frontend")                   \
  X(BACKEND, "backend")                     \
  X(AFFINITY, "affinity")                   \
  X(POLICY_SET, "policy_set")               \
  X(POLICY_RULE, "policy_rule")             \
  X(CLASS_BY_ADDRESS, "class_by_address")   \
  X(CLASS_BY_PREFIX, "class_by_prefix")

enum fl_trace_map {
#define FL_TRACE_MAP_ENUM(constant, name) FL_TRACE_MAP_##constant,
  FL_TRACE_MAPS(FL_TRACE_MAP_ENUM)
#undef FL_TRACE_MAP_ENUM
  FL_TRACE_MAP_COUNT
};

#define FL_TRACE_NO_ROW 0xffffffffu

/* Fields that a kind does not fill are zero. */
struct fl_trace_step {
  __u8 kind;        /* enum fl_trace_kind */
  __u8 passed;      /* 0: this step dropped the packet for `reason` */
  __u8 map;         /* enum fl_trace_map */
  __u8 class_map;   /* policy: enum fl_trace_map that gave the peer's class, NONE: class 0 */
  __u32 reason;     /* enum fl_reason */
  __u32 endpoint;   /* SOURCE: the sender's; policy: whose set; ROUTE: the receiver's */
  __u32 slot;       /* CONNTRACK: of the record, when found; TRANSLATION: likewise, twins make none */
  __u32 state;      /* CONNTRACK: enum fl_ct_state of what was found, FL_CT_FREE: nothing */
  __u32 service;    /* SOCKET, SERVICE: fl_frontend.service; TRANSLATION: likewise */
  __u32 backend;    /* SOCKET, SERVICE: index into "backend" */
  __u32 set;        /* policy: index into "policy_set" */
  __u32 generation; /* policy: index into "policy_generation" */
  __u32 rule;       /* policy: index within the set, FL_NO_RULE: the set is open or nothing matched */
  __u32 class_id;   /* policy: of the peer */
  __u32 peer_row;   /* policy: offset into "row_word" */
  __u32 port_row;
  __u32 hop;        /* ROUTE: enum fl_hop */
  __u32 node;       /* ROUTE: index into "node" */
  struct fl_address address; /* net; SOURCE: source; SOCKET, SERVICE: key; policy: peer; ROUTE: destination */
  __be16 port;      /* net; SOCKET, SERVICE: key; policy: destination port */
  __u8 protocol;
  __u8 pad;
};
FL_ABI_SIZE(fl_trace_step, 80);

#define FL_MAX_TRACE_STEPS 16

struct fl_trace {
  __u32 count;   /* steps that follow */
  __u32 stage;   /* enum fl_stage */
  __u32 reason;  /* enum fl_reason; FORWARDED: the packet went on */
  __u32 hop;     /* enum fl_hop of what went on; UNKNOWN: left to the stack untouched */
  __u32 node;    /* index into "node" for FL_HOP_REMOTE_NODE */
  __u32 endpoint; /* index for FL_HOP_LOCAL_POD */
  struct fl_address source;      /* net; as the packet leaves, after translation */
  struct fl_address destination;
  __be16 source_port;
  __be16 destination_port;
  __u8 protocol;
  __u8 pad[3];
  struct fl_trace_step step[FL_MAX_TRACE_STEPS];
};
FL_ABI_SIZE(fl_trace, 64 + FL_MAX_TRACE_STEPS * 80);

struct fl_explain_input {
  struct fl_address outer_source; /* net; of the tunnel packet, for OVERLAY_INGRESS */
  __u32 own;                      /* 1: the node itself sent it (POD_INGRESS), its socket asks (SOCKET) */
};
FL_ABI_SIZE(fl_explain_input, 20);

#endif
