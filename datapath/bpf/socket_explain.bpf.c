// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* What connect() would answer, for twins alone: programs of sockets have no test run. The packet bears what
 * the socket asks for; "explain_input" tells whether it is the node's own. A trace without a step: the
 * socket level has no say. */
#include "datapath/bpf/parse.h"
#include "datapath/bpf/server.h"
#include "datapath/bpf/socket.h"

SEC("tc")
int socket_explain(struct __sk_buff *ctx) {
  if (!explain) return TC_ACT_SHOT;
  trace_begin(FL_STAGE_SOCKET);
  struct scratch *s = scratch_begin(FL_STAGE_SOCKET);
  struct fl_config *c = only_entry(&config);
  struct fl_explain_input *input = only_entry(&explain_input);
  if (!s || !c || !input || parse(ctx, &s->packet)) return TC_ACT_SHOT;

  const struct tuple *asked = &s->packet.tuple;
  if (!may_balance(asked->protocol) || !is_balanced(c, input->own)) return TC_ACT_OK;
  struct fl_address address = asked->destination;
  struct service_question q = socket_question(&address, asked->destination_port, asked->protocol);
  /* A pod's namespace is not known. */
  int reason = ask_for_socket(&q, input->own ? c->netns_cookie : 0, input->own);
  if (!reason && !q.found) return TC_ACT_OK;
  if (q.found)
    trace_service(FL_TRACE_SOCKET, &q, reason);
  else
    trace_no_service(FL_TRACE_SOCKET, &q.address, q.port, q.protocol);
  s->flow.out = *asked;
  if (!reason) {
    s->flow.out.destination = q.server;
    s->flow.out.destination_port = q.server_port;
  }
  trace_end(&s->flow, &s->flow.out, reason);
  return reason ? TC_ACT_SHOT : TC_ACT_OK;
}
