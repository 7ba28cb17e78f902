/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 1: what one packet needs beyond 512 bytes of stack. Per CPU, for tc programs only: they are not
 * interrupted by each other; cgroup programs are, and keep to their stack. A twin has its own. */
#ifndef FAIRLEAD_BPF_SCRATCH_H
#define FAIRLEAD_BPF_SCRATCH_H

#include "datapath/bpf/answer.h"
#include "datapath/bpf/packet.h"

/* A question to the policy of one endpoint and its answer; policy.h. */
struct policy_question {
  struct fl_address peer; /* net */
  __u32 set;              /* index into "policy_set" */
  __be16 port;            /* net; of the destination */
  __u8 protocol;
  __u8 is_egress;
  /* the answer */
  __u32 epoch;
  __u32 generation; /* index into "policy_generation" */
  __u32 number;     /* of that generation */
  __u32 rule;
  __u32 class_id;
  __u32 peer_row;
  __u32 port_row;
  __u32 endpoint;  /* for the trace */
  __u32 class_map; /* enum fl_trace_map */
  /* the search; small, for it lies on a stack */
  __u8 summary; /* index of the next summary word, of summary_count */
  __u8 summary_count;
  __u8 peer_full; /* the current summary word of the peer's row has all bits */
  __u8 port_full;
  __u32 peer_word; /* offset into "row_word" of the first word that the current summary word tells of */
  __u32 port_word;
  __u32 pad;
  __u64 candidates; /* of the current 64 words those that are not zero in either row, still to be looked at */
};

/* A connection about to be made; connection_make.h. */
struct opening {
  struct fl_ct_record record;
  struct fl_ct_translation translation;
  struct tuple server_tuple; /* of a packet from the client, as the server sees it */
  struct fl_ct_key server_key;
  __u32 owner; /* endpoint that is charged */
};

struct scratch {
  struct packet packet;
  struct flow flow;
  struct opening opening;
  struct answer answer;
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct scratch);
} scratch MAP;

static __always_inline struct scratch *scratch_begin(__u8 stage) {
  struct scratch *s = only_entry(&scratch);
  if (!s) return NULL;
  __builtin_memset(&s->flow, 0, sizeof(s->flow));
  s->flow.stage = stage;
  s->flow.rule = FL_NO_RULE;
  return s;
}

#endif
