// Streams of SyncRequests, as an agent that has lost its mind would send them: the hub refuses or goes
// on, keeps one push on its way at most, and an honest agent beside it is served all the while.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "api/control.pb.h"
#include "controller/model/inventory.h"
#include "controller/sync/encode.h"
#include "controller/sync/hub.h"

namespace fairlead::controller {
namespace {

namespace pb = control::v1;

constexpr char kManifests[] = R"(
apiVersion: v1
kind: Node
metadata: {name: n1}
spec: {podCIDRs: [10.244.1.0/24]}
---
apiVersion: v1
kind: Node
metadata: {name: n2}
spec: {podCIDRs: [10.244.2.0/24]}
---
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: shop, uid: u, labels: {app: web}}
spec: {nodeName: n1, containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Service
metadata: {name: s, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: n, namespace: shop}
spec: {ingress: [{from: [{podSelector: {}}]}]}
)";

class FuzzLink : public AgentLink {
 public:
  void Send(const Push& push) override {
    if (closed || on_its_way) abort();
    on_its_way = true;
    nonce = push.nonce;
    if (!pb::SyncResponse().ParseFromString(Serialize(push))) abort();
  }
  void Close(const absl::Status&) override { closed = true; }

  bool closed = false;
  bool on_its_way = false;
  uint64_t nonce = 0;
};

// What the gRPC service does with a request; the nonces 0 and 1 stand for the right and a wrong one.
absl::Status Dispatch(const pb::SyncRequest& request, Hub* hub, FuzzLink* link) {
  switch (request.request_case()) {
    case pb::SyncRequest::kHello: {
      absl::StatusOr<HelloMessage> hello = Decode(request.hello());
      return hello.ok() ? hub->OnHello(link, *hello) : hello.status();
    }
    case pb::SyncRequest::kAck: {
      bool right = request.ack().nonce() == 0 && link->on_its_way;
      if (right) link->on_its_way = false;
      return hub->OnAck(link, right ? link->nonce : request.ack().nonce());
    }
    case pb::SyncRequest::kNack: {
      absl::StatusOr<std::vector<ResourceError>> errors = Decode(request.nack());
      if (!errors.ok()) return errors.status();
      bool right = request.nack().nonce() == 0 && link->on_its_way;
      if (right) link->on_its_way = false;
      return hub->OnNack(link, right ? link->nonce : request.nack().nonce(), *errors);
    }
    case pb::SyncRequest::kReport: {
      absl::StatusOr<std::vector<ReportedEndpoint>> upserts = Decode(request.report().upserts(), "upserts");
      absl::StatusOr<std::vector<ReportedEndpoint>> removals =
          Decode(request.report().removals(), "removals");
      if (!upserts.ok() || !removals.ok()) return absl::InvalidArgumentError("report");
      return hub->OnReport(link, *upserts, *removals);
    }
    case pb::SyncRequest::REQUEST_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("nothing");
}

// A request after the other, each with its length in two bytes before it.
void Run(absl::string_view input) {
  ClusterSettings settings;
  settings.service_cidrs = {*IpPrefix::Parse("10.96.0.0/16")};
  Store store(settings);
  Hub hub(&store);
  static const auto* objects = [] {
    Inventory inventory;
    inventory.SetFile("m.yaml", ReadManifest("m.yaml", kManifests));
    return new std::map<ObjectKey, Object>(inventory.Objects());
  }();
  hub.SetObjects(*objects, 1);

  FuzzLink honest;
  HelloMessage hello;
  hello.protocol_version = kProtocolVersion;
  hello.node = "n2";
  if (!hub.OnHello(&honest, hello).ok() || !honest.on_its_way) abort();

  FuzzLink link;
  while (input.size() > 2 && !link.closed) {
    size_t length = static_cast<uint8_t>(input[0]) << 8 | static_cast<uint8_t>(input[1]);
    absl::string_view bytes = input.substr(2, length);
    input.remove_prefix(2 + bytes.size());
    pb::SyncRequest request;
    if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) break;
    if (!Dispatch(request, &hub, &link).ok()) break;
  }
  hub.OnGone(&link);
  if (!honest.closed) {
    honest.on_its_way = false;
    if (!hub.OnAck(&honest, honest.nonce).ok()) abort();
  }
  hub.Agents();
}

}  // namespace
}  // namespace fairlead::controller

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fairlead::controller::Run(absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
