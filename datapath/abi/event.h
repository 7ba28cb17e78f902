/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What programs report: one event for every new connection and every drop, in the ring of its CPU: the map
 * "events" has a ring buffer of FL_EVENTS_SIZE bytes for each possible CPU, so that no CPU waits for another.
 * What did not fit is counted exactly in the per-CPU array "events_lost".
 *
 * An event wakes its reader only when FL_EVENTS_WAKE bytes of its ring wait to be read: waking a reader that
 * sleeps on another CPU cost each new connection 17 us. Readers look every so often by themselves. */
#ifndef FAIRLEAD_ABI_EVENT_H
#define FAIRLEAD_ABI_EVENT_H

#include "datapath/abi/types.h"

#define FL_EVENTS_SIZE (1 << 19)
#define FL_EVENTS_WAKE (FL_EVENTS_SIZE / 4)

/* X(constant, "name") */
#define FL_STAGES(X)                     \
  X(POD_EGRESS, "pod-egress")            \
  X(POD_INGRESS, "pod-ingress")          \
  X(NODE_INGRESS, "node-ingress")        \
  X(NODE_EGRESS, "node-egress")          \
  X(OVERLAY_INGRESS, "overlay-ingress")  \
  X(SOCKET, "socket")                    \
  X(OVERLAY_EGRESS, "overlay-egress")    \
  X(REASSEMBLED, "reassembled")

/* Also the index of the hook's stage program in the program array "stage_program". */
enum fl_stage {
#define FL_STAGE_ENUM(constant, name) FL_STAGE_##constant,
  FL_STAGES(FL_STAGE_ENUM)
#undef FL_STAGE_ENUM
  FL_STAGE_COUNT
};

#define FL_NO_RULE 0xffffffffu

struct fl_event {
  __u64 time_ns;               /* CLOCK_MONOTONIC */
  struct fl_address source;    /* net; the original client */
  struct fl_address destination; /* net; the final backend */
  struct fl_address service;   /* net; as the client addressed it, :: when not translated */
  __be16 source_port;          /* net */
  __be16 destination_port;
  __be16 service_port;
  __u8 protocol;
  __u8 stage;                  /* enum fl_stage */
  __u32 reason;                /* enum fl_reason */
  __u32 length;                /* bytes of the IP packet */
  __u32 generation;            /* of the set that decided; 0: none */
  __u32 rule;                  /* index within the set, FL_NO_RULE: none */
  __u32 source_endpoint;       /* index, 0: none */
  __u32 destination_endpoint;
};
FL_ABI_SIZE(fl_event, 88);

/* Per-CPU array "reason_counter", by reason. */
struct fl_counter {
  __u64 packets;
  __u64 bytes;
};
FL_ABI_SIZE(fl_counter, 16);

#endif
