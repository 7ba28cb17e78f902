// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* What is attached to devices: one thin program a hook that calls the hook's stage program, so that an
 * upgrade replaces a stage on all devices by one write. Without its stage a pod's device drops, for no
 * packet passes unjudged; a node's device lets by, for the node must stay in reach and every pod is
 * guarded by its own device. */
#include "datapath/abi/event.h"
#include "datapath/bpf/kernel.h"

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, FL_STAGE_COUNT);
  __type(key, __u32);
  __type(value, __u32);
} stage_program MAP;

#define ENTRY(name, stage, otherwise)            \
  SEC("tc")                                      \
  int name##_entry(struct __sk_buff *ctx) {      \
    bpf_tail_call(ctx, &stage_program, (stage)); \
    return (otherwise);                          \
  }

ENTRY(pod_egress, FL_STAGE_POD_EGRESS, TC_ACT_SHOT)
ENTRY(pod_ingress, FL_STAGE_POD_INGRESS, TC_ACT_SHOT)
ENTRY(node_ingress, FL_STAGE_NODE_INGRESS, TC_ACT_OK)
ENTRY(node_egress, FL_STAGE_NODE_EGRESS, TC_ACT_OK)
ENTRY(overlay_ingress, FL_STAGE_OVERLAY_INGRESS, TC_ACT_SHOT)
ENTRY(overlay_egress, FL_STAGE_OVERLAY_EGRESS, TC_ACT_SHOT)
ENTRY(reassembled, FL_STAGE_REASSEMBLED, TC_ACT_SHOT)
