/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Layer 4: what the policies of a connection's two ends say about it, and on what footing. */
#ifndef FAIRLEAD_BPF_JUDGE_H
#define FAIRLEAD_BPF_JUDGE_H

#include "datapath/bpf/connection.h"
#include "datapath/bpf/policy.h"

/* Under which sets and epochs a connection is decided; 0 where a side has no policy. */
struct footing {
  __u16 egress_set;
  __u16 ingress_set;
  __u32 egress_epoch;
  __u32 ingress_epoch;
};

static __always_inline __u16 egress_set_of(__u32 index) {
  struct fl_endpoint *e = endpoint_at(index);
  return e ? e->egress_set : FL_SET_OPEN;
}

static __always_inline __u16 ingress_set_of(__u32 index) {
  struct fl_endpoint *e = endpoint_at(index);
  return e ? e->ingress_set : FL_SET_OPEN;
}

/* The footing of both directions of an adopted connection in one: changes when either does. */
static __always_inline __u32 mixed(__u32 epoch, __u32 other_set, __u32 other_epoch) {
  return epoch + other_epoch + other_set * 0x9e3779b1u;
}

static __always_inline void footing_now(const struct fl_ct_record *r, __u8 flags, struct footing *f) {
  f->egress_set = egress_set_of(r->client_endpoint);
  f->ingress_set = ingress_set_of(r->server_endpoint);
  f->egress_epoch = set_epoch(f->egress_set);
  f->ingress_epoch = set_epoch(f->ingress_set);
  if (!(flags & FL_CT_ADOPTED)) return;
  __u16 egress = egress_set_of(r->server_endpoint), ingress = ingress_set_of(r->client_endpoint);
  f->egress_epoch = mixed(f->egress_epoch, egress, set_epoch(egress));
  f->ingress_epoch = mixed(f->ingress_epoch, ingress, set_epoch(ingress));
}

/* Asks the policies of both ends about `t`, client to server. Writes the answers' footing into `r` and
 * the deciding rule into `flow`. */
GLOBAL int judge(const struct tuple *t, struct fl_ct_record *r, struct flow *flow) {
  if (!t || !r || !flow) return FL_REASON_INTERNAL;
  struct policy_question q = {.port = t->destination_port, .protocol = t->protocol};
  r->egress_set = egress_set_of(r->client_endpoint);
  r->ingress_set = ingress_set_of(r->server_endpoint);
  r->egress_epoch = 0;
  r->ingress_epoch = 0;
  if (r->client_endpoint == r->server_endpoint) return FL_REASON_FORWARDED;

  if (r->client_endpoint) {
    q.set = r->egress_set;
    q.is_egress = true;
    q.peer = t->destination;
    q.endpoint = r->client_endpoint;
    int reason = ask_policy(&q);
    r->egress_epoch = q.epoch;
    if (q.rule != FL_NO_RULE || reason) {
      flow->rule = q.rule;
      flow->set_generation = q.number;
    }
    if (reason) return reason;
  }
  if (r->server_endpoint) {
    q.set = r->ingress_set;
    q.is_egress = false;
    q.peer = t->source;
    q.endpoint = r->server_endpoint;
    int reason = ask_policy(&q);
    r->ingress_epoch = q.epoch;
    if (q.rule != FL_NO_RULE || reason) {
      flow->rule = q.rule;
      flow->set_generation = q.number;
    }
    if (reason) return reason;
  }
  return FL_REASON_FORWARDED;
}

/* The same for a connection that may have begun in either direction. */
GLOBAL int judge_both(const struct tuple *t, struct fl_ct_record *r, struct flow *flow) {
  if (!t || !r || !flow) return FL_REASON_INTERNAL;
  struct tuple reversed = {};
  tuple_reverse(&reversed, t);
  __u16 client = r->client_endpoint, server = r->server_endpoint;
  r->client_endpoint = server;
  r->server_endpoint = client;
  int reason = judge(&reversed, r, flow);
  __u32 egress_set = r->egress_set, egress_epoch = r->egress_epoch;
  __u32 ingress_set = r->ingress_set, ingress_epoch = r->ingress_epoch;
  r->client_endpoint = client;
  r->server_endpoint = server;
  if (reason) return reason;
  reason = judge(t, r, flow);
  r->egress_epoch = mixed(r->egress_epoch, egress_set, egress_epoch);
  r->ingress_epoch = mixed(r->ingress_epoch, ingress_set, ingress_epoch);
  return reason;
}

#endif
