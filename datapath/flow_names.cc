#include "datapath/flow_names.h"

#include <arpa/inet.h>

#include "absl/strings/str_cat.h"
#include "datapath/words.h"

namespace fairlead::datapath {

std::string PodName(uint32_t endpoint, const Reconciler& state) {
  const HeldEndpoint* held = endpoint == 0 ? nullptr : state.endpoints().At(endpoint);
  if (held == nullptr) return "";
  return absl::StrCat(held->applied.namespace_name, "/", held->applied.pod_name);
}

FlowEvent NameEvent(const fl_event& event, uint64_t lost_before, const Reconciler& state) {
  FlowEvent flow;
  flow.monotonic_ns = static_cast<int64_t>(event.time_ns);
  flow.dropped = event.reason != FL_REASON_FORWARDED;
  flow.reason = ReasonName(event.reason);
  flow.stage = StageName(event.stage);
  flow.protocol = event.protocol;
  flow.source = FromAbi(event.source);
  flow.destination = FromAbi(event.destination);
  flow.source_port = ntohs(event.source_port);
  flow.destination_port = ntohs(event.destination_port);
  if (!IsUnspecified(event.service)) {
    flow.service_address = FromAbi(event.service);
    flow.service_port = ntohs(event.service_port);
    flow.service = state.services().NameAt(*flow.service_address, flow.service_port, event.protocol);
  }
  flow.source_pod = PodName(event.source_endpoint, state);
  flow.destination_pod = PodName(event.destination_endpoint, state);
  if (event.rule != FL_NO_RULE) {
    const policy::PolicySet* set = state.policy().sets().Said(event.generation);
    if (set != nullptr && event.rule < set->rules.size()) flow.rule = set->rules[event.rule].origin;
  }
  flow.length = event.length;
  flow.lost_before = lost_before;
  return flow;
}

}  // namespace fairlead::datapath
