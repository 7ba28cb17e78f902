#include "datapath/trace_words.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/address_port.h"
#include "base/first_few.h"
#include "datapath/abi/conntrack.h"
#include "datapath/abi/policy.h"
#include "datapath/abi_convert.h"
#include "datapath/words.h"

namespace fairlead::datapath {
namespace {

std::string AddressAndPort(const fl_trace_step& step) {
  return WithPort(FromAbi(step.address), ntohs(step.port));
}

std::string Or(const std::string& name, const std::string& otherwise) {
  return name.empty() ? otherwise : name;
}

std::string SourceWords(const fl_trace_step& step, const TraceNames& names) {
  const std::string address = FromAbi(step.address).ToString();
  if (step.passed == 0) return absl::StrCat(address, ": ", ReasonName(step.reason));
  if (step.endpoint != 0) {
    return absl::StrCat(address, " is an address of pod ", Or(names.Pod(step.endpoint), "(unknown)"));
  }
  if (step.node != 0) return absl::StrCat(address, " lives on node ", Or(names.Node(step.node), "(unknown)"));
  return absl::StrCat(address, " may come in by this device");
}

const char* StateName(uint32_t state) {
  switch (state) {
    case FL_CT_NEW:
      return "half-open";
    case FL_CT_ESTABLISHED:
      return "established";
    default:
      return "closing";
  }
}

std::string ConntrackWords(const fl_trace_step& step) {
  if (step.state == FL_CT_FREE) {
    return step.passed != 0 ? "no connection yet: it is decided anew" : ReasonName(step.reason);
  }
  return absl::StrCat("belongs to a known connection, ", StateName(step.state));
}

constexpr size_t kBackendsShown = 8;

// ", one of 3: 10.244.1.5:80, ..."; nothing where there is no choice.
std::string ChoiceWords(const fl_trace_step& step, const TraceNames& names) {
  std::vector<std::string> backends = names.Backends(FromAbi(step.address), ntohs(step.port), step.protocol);
  const size_t count = backends.size();
  if (count < 2) return "";
  std::string more;
  if (count > kBackendsShown) {
    backends.resize(kBackendsShown);
    more = absl::StrCat(" and ", count - kBackendsShown, " more");
  }
  return absl::StrCat(", one of ", count, ": ", absl::StrJoin(backends, ", "), more);
}

std::string ServiceWords(const fl_trace_step& step, const TraceNames& names) {
  const std::string at = AddressAndPort(step);
  if (step.reason == FL_REASON_NO_SUCH_SERVICE) return absl::StrCat("no service has ", at);
  const std::string name = names.Service(step.service);
  const std::string service =
      name.empty() ? absl::StrCat("service ", at) : absl::StrCat("service ", name, " (", at, ")");
  if (step.passed == 0) return absl::StrCat(service, ": ", ReasonName(step.reason));
  return absl::StrCat(service, " -> backend ", names.Backend(step.backend), ChoiceWords(step, names));
}

// What a program that connects is told before there is any packet.
std::string SocketWords(const fl_trace_step& step, const TraceNames& names) {
  const char* finds = step.reason == FL_REASON_NO_SUCH_SERVICE ? "connect() finds that " : "connect() finds ";
  const std::string words = absl::StrCat(finds, ServiceWords(step, names));
  return step.passed == 0 && step.reason != FL_REASON_INTERNAL
             ? absl::StrCat(words, "; it is refused at once")
             : words;
}

std::string OriginWords(const policy::RuleOrigin& origin) {
  std::string text =
      absl::StrCat(origin.kind, " ", origin.namespace_name, "/", origin.name, " ", origin.place);
  if (!origin.isolating.empty()) {
    text = absl::StrCat(origin.place, " (isolated by ", FirstFew(origin.isolating), ")");
  }
  return text;
}

std::string PolicyWords(const fl_trace_step& step, const TraceNames& names, const policy::Rule* rule) {
  const bool is_egress = step.kind == FL_TRACE_EGRESS_POLICY;
  const std::string pod = Or(names.Pod(step.endpoint), "the pod");
  if (step.set == FL_SET_OPEN) {
    return absl::StrCat("no policy isolates ", pod, " for ", is_egress ? "egress" : "ingress");
  }
  const std::string groups = names.Class(step.class_id);
  const std::string peer = absl::StrCat(
      is_egress ? "destination " : "source ", FromAbi(step.address).ToString(),
      groups.empty() ? " is in no group that a policy mentions" : absl::StrCat(" is in ", groups));
  if (rule == nullptr) {
    return absl::StrCat(pod, ": ", step.passed != 0 ? "allowed" : ReasonName(step.reason), "; ", peer);
  }
  const char* verdict = rule->action == policy::Action::kAllow ? "allowed" : "denied";
  return absl::StrCat(pod, ": ", verdict, " by ", OriginWords(rule->origin), "; ", peer);
}

std::string RouteWords(const fl_trace_step& step, const TraceNames& names) {
  const std::string address = FromAbi(step.address).ToString();
  if (step.passed == 0) return absl::StrCat(address, ": ", ReasonName(step.reason));
  switch (step.hop) {
    case FL_HOP_LOCAL_POD:
      return absl::StrCat("to pod ", Or(names.Pod(step.endpoint), address), " on this node");
    case FL_HOP_HOST:
      return "to this node's own stack";
    case FL_HOP_REMOTE_NODE:
      return absl::StrCat("to node ", Or(names.Node(step.node), "(unknown)"), ", for ", address);
    case FL_HOP_OUTSIDE:
      return absl::StrCat("to ", address, " outside the cluster, as the node's routes say");
    default:
      return "left to the node's stack";
  }
}

const policy::Rule* RuleOf(const fl_trace_step& step, const TraceNames& names) {
  if (step.rule == FL_NO_RULE) return nullptr;
  const policy::PolicySet* set = names.Rules(step.generation);
  return set != nullptr && step.rule < set->rules.size() ? &set->rules[step.rule] : nullptr;
}

// Both ends, as a Service changes the one and masquerading the other.
std::string TranslationWords(const fl_trace_step& step, const fl_trace& trace) {
  if (step.passed == 0) return ReasonName(step.reason);
  return absl::StrCat("leaves as ", FromAbi(trace.source).ToString(), " -> ",
                      WithPort(FromAbi(trace.destination), ntohs(trace.destination_port)));
}

std::string Words(const fl_trace_step& step, const fl_trace& trace, const TraceNames& names,
                  const policy::Rule* rule) {
  switch (step.kind) {
    case FL_TRACE_SOURCE:
      return SourceWords(step, names);
    case FL_TRACE_CONNTRACK:
      return ConntrackWords(step);
    case FL_TRACE_SOCKET:
      return SocketWords(step, names);
    case FL_TRACE_SERVICE:
      return ServiceWords(step, names);
    case FL_TRACE_EGRESS_POLICY:
    case FL_TRACE_INGRESS_POLICY:
      return PolicyWords(step, names, rule);
    case FL_TRACE_ROUTE:
      return RouteWords(step, names);
    case FL_TRACE_TRANSLATION:
      return TranslationWords(step, trace);
    default:
      return step.passed != 0 ? "well formed" : ReasonName(step.reason);
  }
}

// The entry that decided, as bpftool would be asked for it.
std::string EntryOf(const fl_trace_step& step) {
  std::string map = TraceMapName(step.map);
  const std::string address = FromAbi(step.address).ToString();
  switch (step.map) {
    case FL_TRACE_MAP_NONE:
      return "";
    case FL_TRACE_MAP_ENDPOINT:
      return absl::StrCat(map, "[", step.endpoint, "]");
    case FL_TRACE_MAP_CT_TUPLE:
      return step.state == FL_CT_FREE ? "ct_tuple: none" : absl::StrCat("ct_record[", step.slot, "]");
    case FL_TRACE_MAP_FRONTEND:
      return absl::StrCat(map, "[", AddressAndPort(step), "]");
    case FL_TRACE_MAP_BACKEND:
      return absl::StrCat(map, "[", step.backend, "]");
    case FL_TRACE_MAP_POLICY_SET:
      return absl::StrCat(map, "[", step.set, "]");
    case FL_TRACE_MAP_POLICY_RULE:
      return absl::StrCat("policy_set[", step.set, "], generation ", step.generation, ", rule ", step.rule);
    case FL_TRACE_MAP_CONFIG:
    case FL_TRACE_MAP_POD_DEVICE:
      return map;
    default:
      return absl::StrCat(map, "[", address, "]");
  }
}

}  // namespace

Explanation Translate(const fl_trace& trace, const TraceNames& names) {
  Explanation explanation;
  explanation.allowed = trace.reason == FL_REASON_FORWARDED;
  explanation.reason = ReasonName(trace.reason);
  explanation.source = FromAbi(trace.source);
  explanation.destination = FromAbi(trace.destination);
  explanation.destination_port = ntohs(trace.destination_port);
  const uint32_t count = std::min<uint32_t>(trace.count, FL_MAX_TRACE_STEPS);
  for (uint32_t i = 0; i < count; ++i) {
    const fl_trace_step& step = trace.step[i];
    const policy::Rule* rule = RuleOf(step, names);
    explanation.stages.push_back(
        {TraceKindName(step.kind), step.passed != 0, Words(step, trace, names, rule), EntryOf(step)});
    if (rule == nullptr) continue;
    explanation.origin = rule->origin;
    explanation.direction =
        step.kind == FL_TRACE_EGRESS_POLICY ? policy::Direction::kEgress : policy::Direction::kIngress;
  }
  if (explanation.allowed && trace.hop == FL_HOP_REMOTE_NODE) explanation.next_node = names.Node(trace.node);
  return explanation;
}

}  // namespace fairlead::datapath
