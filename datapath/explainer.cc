#include "datapath/explainer.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/address_port.h"
#include "base/status_macros.h"
#include "datapath/abi/conntrack.h"
#include "datapath/bpf_error.h"
#include "datapath/flow_names.h"
#include "datapath/made_packet.h"
#include "datapath/socket_hooks.h"
#include "datapath/trace_words.h"

namespace fairlead::datapath {
namespace {

constexpr uint8_t kIcmp = 1, kIcmpV6 = 58;
// Dynamic ports of RFC 6335.
constexpr uint16_t kFirstDynamicPort = 49152;
constexpr uint16_t kPortsToTry = 4096;

bool IsEcho(uint8_t protocol) {
  return protocol == kIcmp || protocol == kIcmpV6;
}

class Names : public TraceNames {
 public:
  explicit Names(const Reconciler& state) : state_(state) {}

  std::string Pod(uint32_t endpoint) const override { return PodName(endpoint, state_); }
  std::string Node(uint32_t index) const override { return state_.topology().NodeName(index); }
  std::string Service(uint32_t number) const override { return state_.services().NameOf(number); }
  std::string Backend(uint32_t index) const override { return Words(state_.services().BackendAt(index)); }
  std::vector<std::string> Backends(const IpAddress& address, uint16_t port,
                                    uint8_t protocol) const override {
    std::vector<std::string> words;
    for (const BackendAddress& backend : state_.services().BackendsAt(address, port, protocol)) {
      words.push_back(Words(backend));
    }
    return words;
  }
  const policy::PolicySet* Rules(uint32_t generation) const override {
    for (const auto& [index, set] : state_.policy().sets().held()) {
      if (set.generation.index == generation) return set.generation.rules.get();
    }
    return nullptr;
  }
  std::string Class(uint32_t class_id) const override {
    const ClassKey* key = state_.policy().ClassAt(class_id);
    if (key == nullptr) return "";
    std::vector<std::string> words;
    for (const std::string& group : key->groups) words.push_back(state_.policy().GroupWords(group));
    return absl::StrJoin(words, "; ");
  }

 private:
  static std::string Words(const BackendAddress& backend) { return WithPort(backend.address, backend.port); }

  const Reconciler& state_;
};

fl_ct_key KeyOf(const ExplainRequest& request, uint16_t source_port) {
  struct Side {
    fl_address address;
    __be16 port;
  };
  Side client{ToAbi(request.source), htons(source_port)};
  Side server{ToAbi(request.destination),
              htons(IsEcho(request.protocol) ? source_port : request.destination_port)};
  auto order = [](const Side& side) {
    std::array<uint32_t, 5> words{};
    for (int i = 0; i < 4; ++i) words[i] = ntohl(side.address.word[i]);
    words[4] = ntohs(side.port);
    return words;
  };
  if (order(server) < order(client)) std::swap(client, server);
  return {.address = {client.address, server.address},
          .port = {client.port, server.port},
          .protocol = request.protocol};
}

std::vector<uint8_t> FrameOf(const ExplainRequest& request, const MacAddress& from, const MacAddress& to) {
  return Frame({.source_mac = from,
                .destination_mac = to,
                .source = request.source,
                .destination = request.destination,
                .protocol = request.protocol,
                .source_port = request.source_port,
                .destination_port = request.destination_port});
}

}  // namespace

absl::StatusOr<Explanation> Explainer::Explain(ExplainRequest request) {
  if (request.source.is_v4() != request.destination.is_v4()) {
    return absl::InvalidArgumentError(absl::StrCat("explain ", request.source.ToString(), " to ",
                                                   request.destination.ToString(), ": two families"));
  }
  ASSIGN_OR_RETURN(const std::optional<Explanation> led, ExplainSocket(request));
  if (!led) return ExplainPacket(request);
  if (!led->allowed) return *led;
  // The packet bears the backend's address from the start.
  request.destination = led->destination;
  request.destination_port = led->destination_port;
  ASSIGN_OR_RETURN(Explanation explanation, ExplainPacket(request));
  explanation.stages.insert(explanation.stages.begin(), led->stages.begin(), led->stages.end());
  return explanation;
}

absl::StatusOr<std::optional<Explanation>> Explainer::ExplainSocket(const ExplainRequest& request) {
  const fl_location* from = state_.topology().LocationOf(request.source);
  if (from == nullptr || from->kind == FL_LOCATION_OTHER_NODE || !SocketsAsk(request.source.is_v4())) {
    return std::nullopt;
  }
  const bool own = from->kind == FL_LOCATION_THIS_NODE;
  // Any of our devices leads to the maps.
  ASSIGN_OR_RETURN(Meeting meeting, own ? MeetingAtNodeDevice() : MeetingOf(request));
  RETURN_IF_ERROR(UseTwinOf(meeting));
  meeting.run.program = "socket_explain";
  meeting.run.facts.own = own ? 1 : 0;
  ExplainRequest asked = request;
  if (asked.source_port == 0) asked.source_port = kFirstDynamicPort;
  meeting.run.frame = FrameOf(asked, meeting.source_mac, meeting.destination_mac);
  ASSIGN_OR_RETURN(const fl_trace trace, twin_->Run(meeting.run));
  if (trace.count == 0) return std::nullopt;
  return Translate(trace, Names(state_));
}

bool Explainer::SocketsAsk(bool v4) const {
  for (const AttachedProgram& hook : ListSocketHooks(object_, link_dir_)) {
    if (hook.program == (v4 ? "socket_connect4" : "socket_connect6")) return hook.ours;
  }
  return false;
}

absl::StatusOr<Explanation> Explainer::ExplainPacket(ExplainRequest request) {
  if (std::optional<Explanation> answer = Unjudged(request)) return *std::move(answer);
  ASSIGN_OR_RETURN(Meeting meeting, MeetingOf(request));
  RETURN_IF_ERROR(UseTwinOf(meeting));
  if (request.source_port == 0) request.source_port = FreePort(request);
  meeting.run.frame = FrameOf(request, meeting.source_mac, meeting.destination_mac);
  ASSIGN_OR_RETURN(const fl_trace trace, twin_->Run(meeting.run));
  return Translate(trace, Names(state_));
}

absl::StatusOr<Explainer::Meeting> Explainer::MeetingOf(const ExplainRequest& request) const {
  const fl_location* from = state_.topology().LocationOf(request.source);
  if (from != nullptr && from->kind == FL_LOCATION_LOCAL_POD) {
    const HeldEndpoint* pod = state_.endpoints().At(from->index);
    if (pod == nullptr) {
      return absl::NotFoundError(
          absl::StrCat("explain from ", request.source.ToString(), ": its pod is not known"));
    }
    const LocalEndpoint& endpoint = pod->applied;
    return Meeting{.run = {.program = "pod_egress", .ifindex = endpoint.ifindex},
                   .source_mac = endpoint.mac,
                   .destination_mac = endpoint.host_mac};
  }
  if (from != nullptr && from->kind == FL_LOCATION_THIS_NODE) return MeetingOfNode(request);
  return MeetingFromElsewhere(request);
}

absl::StatusOr<Explainer::Meeting> Explainer::MeetingOfNode(const ExplainRequest& request) const {
  const fl_location* to = state_.topology().LocationOf(request.destination);
  if (to != nullptr && to->kind == FL_LOCATION_LOCAL_POD) {
    const HeldEndpoint* pod = state_.endpoints().At(to->index);
    if (pod == nullptr) return absl::NotFoundError("explain: the pod is not known");
    const LocalEndpoint& endpoint = pod->applied;
    return Meeting{.run = {.program = "pod_ingress", .ifindex = endpoint.ifindex, .facts = {.own = 1}},
                   .ingress = false,
                   .source_mac = endpoint.host_mac,
                   .destination_mac = endpoint.mac};
  }
  return Meeting{.run = {.program = "overlay_egress", .ifindex = wiring_.facts().overlay_ifindex},
                 .ingress = false};
}

absl::StatusOr<Explainer::Meeting> Explainer::MeetingFromElsewhere(const ExplainRequest& request) const {
  const Topology& topology = state_.topology();
  const fl_pod_range* range = topology.RangeOf(request.source);
  uint32_t node = range == nullptr ? 0 : range->node;
  // A node asks the pods of another through the tunnel, too.
  const fl_location* from = topology.LocationOf(request.source);
  const fl_location* to = topology.LocationOf(request.destination);
  const bool to_pod = to != nullptr && to->kind == FL_LOCATION_LOCAL_POD;
  if (to_pod && from != nullptr && from->kind == FL_LOCATION_OTHER_NODE) node = from->index;
  const uint32_t overlay = wiring_.facts().overlay_ifindex;
  if (node != 0 && overlay != 0) {
    return Meeting{.run = {.program = "overlay_ingress",
                           .ifindex = overlay,
                           .facts = {.outer_source = topology.NodeAt(node).address}}};
  }
  return MeetingAtNodeDevice();
}

absl::StatusOr<Explainer::Meeting> Explainer::MeetingAtNodeDevice() const {
  if (wiring_.devices().empty()) {
    return absl::FailedPreconditionError(
        "explain: no device of the node is known that a packet could come from");
  }
  const netlink::Link& device = wiring_.devices().front();
  return Meeting{.run = {.program = "node_ingress", .ifindex = device.ifindex},
                 .destination_mac = device.mac};
}

std::optional<Explanation> Explainer::Unjudged(const ExplainRequest& request) const {
  const fl_location* from = state_.topology().LocationOf(request.source);
  const bool to_itself = request.source == request.destination;
  const bool from_node = from != nullptr && from->kind == FL_LOCATION_THIS_NODE;
  if (!from_node && !(to_itself && from != nullptr && from->kind == FL_LOCATION_LOCAL_POD)) {
    return std::nullopt;
  }
  const fl_location* to = state_.topology().LocationOf(request.destination);
  if (!to_itself && to != nullptr && to->kind == FL_LOCATION_LOCAL_POD) return std::nullopt;
  const fl_pod_range* range = state_.topology().RangeOf(request.destination);
  const bool to_remote_pod = to == nullptr && range != nullptr && range->node != 0;
  if (to_remote_pod && wiring_.facts().overlay_ifindex != 0) return std::nullopt;
  Explanation explanation{.allowed = true,
                          .reason = "forwarded",
                          .source = request.source,
                          .destination = request.destination,
                          .destination_port = request.destination_port};
  std::string detail = "the node's own traffic leaves by the node's routes; no policy of pods applies";
  if (to != nullptr && to->kind == FL_LOCATION_THIS_NODE) {
    detail = "to the node itself; no policy of pods applies";
  } else if (to_itself) {
    detail = "to the pod itself; the packet does not leave it";
  }
  if (to_remote_pod) {
    explanation.next_node = state_.topology().NodeName(range->node);
    absl::StrAppend(&detail, "; to node ", explanation.next_node);
  }
  explanation.stages.push_back({"route", true, detail, ""});
  return explanation;
}

absl::Status Explainer::UseTwinOf(const Meeting& meeting) {
  ASSIGN_OR_RETURN(const uint32_t program, hooks_.Attached(meeting.run.ifindex, meeting.ingress));
  std::vector<std::string> names;
  for (const auto& [name, fd] : object_.Maps()) names.push_back(name);
  ASSIGN_OR_RETURN(auto maps, MapsBehind(program, names));
  std::map<std::string, uint32_t> ids;
  for (const auto& [name, fd] : maps) {
    bpf_map_info info{};
    uint32_t size = sizeof(info);
    if (bpf_map_get_info_by_fd(fd.get(), &info, &size) == 0) ids[name] = info.id;
  }
  if (twin_ != nullptr && ids == twin_maps_) return absl::OkStatus();
  ASSIGN_OR_RETURN(twin_, Twin::Load(std::move(maps)));
  twin_maps_ = std::move(ids);
  return absl::OkStatus();
}

uint16_t Explainer::FreePort(const ExplainRequest& request) const {
  const int fd = twin_->MapFd("ct_tuple");
  for (uint16_t i = 0; i < kPortsToTry; ++i) {
    const auto port = static_cast<uint16_t>(kFirstDynamicPort + i);
    const fl_ct_key key = KeyOf(request, port);
    fl_ct_ref ref;
    if (bpf_map_lookup_elem(fd, &key, &ref) != 0) return port;
  }
  return kFirstDynamicPort;
}

}  // namespace fairlead::datapath
