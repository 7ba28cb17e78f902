#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/introspect.grpc.pb.h"
#include "base/first_few.h"
#include "controller/config/status.h"
#include "controller/model/backends.h"
#include "controller/server/identity.h"
#include "controller/server/services.h"
#include "controller/sync/encode.h"
#include "controller/sync/realisation.h"

namespace fairlead::controller {
namespace {

void AddCondition(const char* type, bool ok, const std::string& message, introspect::v1::StatusReply* reply) {
  introspect::v1::Condition* condition = reply->add_conditions();
  condition->set_type(type);
  condition->set_ok(ok);
  condition->set_message(message);
}

void AddCertificates(const ClusterIdentity& identity, introspect::v1::StatusReply* reply) {
  std::string message(identity.status().message());
  if (identity.status().ok() && identity.certificate() && identity.authorities()) {
    message =
        absl::StrCat("this controller's until ", pki::TimeText(identity.certificate()->end()),
                     ", the CA's until ", pki::TimeText(identity.authorities()->signer.certificate.end()),
                     identity.authorities()->next ? "; the next CA is published" : "");
  }
  AddCondition("CertificatesKept", identity.status().ok(), message, reply);
}

void FillStatus(Controller& controller, const ClusterIdentity* identity, introspect::v1::StatusReply* reply) {
  reply->set_role("controller");
  reply->set_version(FAIRLEAD_VERSION);
  reply->set_settled(controller.Settled());  // first: it may take a change in
  reply->set_watermark(controller.hub().watermark());

  const Cluster& cluster = controller.store().cluster();
  const std::vector<std::string> lost = controller.source().Lost();
  AddCondition("SourceWatched", lost.empty(),
               lost.empty() ? controller.source().Describe()
                            : absl::StrCat(absl::StrJoin(lost, "; "), "; its objects stay in force"),
               reply);
  const std::vector<Rejection> rejections = controller.Rejections();
  // An object may have several faults.
  std::set<std::string> refused_objects;
  for (const Rejection& rejection : rejections) refused_objects.insert(rejection.object);
  AddCondition("ObjectsAccepted", rejections.empty(), absl::StrCat(refused_objects.size(), " refused"),
               reply);
  AddCondition("SettingsInForce", true, DescribeSettings(controller), reply);
  const std::vector<std::string> unplaced = cluster.UnplacedPods();
  AddCondition("PodsPlaced", unplaced.empty(),
               unplaced.empty() ? absl::StrCat(cluster.pods.size(), " pods") : FirstFew(unplaced), reply);
  const std::vector<std::string> refused = controller.store().RefusedAddresses();
  AddCondition("AddressesAccepted", refused.empty(), FirstFew(refused), reply);
  std::vector<std::string> oversized;
  for (const auto& [name, set] : controller.store().oversized_sets())
    oversized.push_back(absl::StrCat(set.rules, " rules for a pod, of ", FirstFew(set.policies)));
  AddCondition("PoliciesFit", oversized.empty(),
               oversized.empty()
                   ? ""
                   : absl::StrCat(FirstFew(oversized, "; "), "; at most ", policy::kMaxRulesPerSet,
                                  " fit: pods keep the rules that they have, new ones stay closed; "
                                  "have fewer rules in these policies"),
               reply);
  if (identity != nullptr) AddCertificates(*identity, reply);
  std::vector<std::string> unserved;
  for (const Rejection& remark : controller.Remarks())
    unserved.push_back(absl::StrCat(remark.object, " (", remark.where.ToString(), ") ", remark.message));
  AddCondition("FieldsServed", unserved.empty(), absl::StrJoin(unserved, "; "), reply);
  for (const Rejection& rejection : rejections) {
    introspect::v1::RejectedObject* rejected = reply->add_rejected();
    rejected->set_object(rejection.object);
    rejected->set_where(rejection.where.ToString());
    rejected->set_message(rejection.message);
  }
  std::vector<std::string> away;
  for (const AgentStatus& agent : controller.hub().Agents()) {
    introspect::v1::AgentConnection* connection = reply->add_agents();
    connection->set_node(agent.node);
    connection->set_version(agent.version);
    connection->set_connected(agent.connected);
    connection->set_acked_watermark(agent.acked_watermark);
    for (const ResourceError& error : agent.errors) *connection->add_errors() = Encode(error);
    if (!agent.connected) away.push_back(agent.node);
  }
  AddCondition("AgentsConnected", away.empty(), away.empty() ? "" : "not connected: " + FirstFew(away),
               reply);
  reply->set_ready(lost.empty());
}

// Adds names of addresses that were asked for; all when none were.
class NameCollector {
 public:
  NameCollector(const introspect::v1::NamesRequest& request, introspect::v1::NamesReply* reply)
      : wanted_(request.addresses().begin(), request.addresses().end()), reply_(reply) {}

  introspect::v1::NamedAddress* Add(const IpAddress& address, const char* kind, const std::string& name,
                                    const std::string& node) {
    std::string bytes = address.ToBytes();
    if (!wanted_.empty() && wanted_.count(bytes) == 0) return nullptr;
    introspect::v1::NamedAddress* named = reply_->add_names();
    named->set_address(std::move(bytes));
    named->set_kind(kind);
    named->set_name(name);
    named->set_node(node);
    return named;
  }

 private:
  std::set<std::string> wanted_;
  introspect::v1::NamesReply* reply_;
};

void AddPort(const std::string& name, policy::Protocol protocol, uint16_t number,
             introspect::v1::NamedAddress* to) {
  introspect::v1::NamedPort* port = to->add_ports();
  port->set_name(name);
  port->set_protocol(static_cast<uint32_t>(protocol));
  port->set_port(number);
}

// A headless Service is a name of its pods' addresses, in DNS and nowhere else: "shop/db" and "shop/db-0.db".
void AddHeadless(const Store& store, NameCollector& names) {
  for (const auto& [name, service] : store.cluster().services) {
    if (!service.object.headless) continue;
    for (const auto& [uid, pod] : store.cluster().pods) {
      const bool selected = pod.namespace_name == service.namespace_name && !pod.terminated &&
                            Selects(service.object.selector, pod.labels);
      if (!selected || (pod.says_unready && !service.object.publish_not_ready)) continue;
      for (const IpAddress& address : store.AddressesOf(pod)) {
        names.Add(address, "headless", name, pod.node);
        names.Add(address, "headless", absl::StrCat(service.namespace_name, "/", pod.name, ".", service.name),
                  pod.node);
      }
    }
  }
}

void FillNames(const Store& store, const introspect::v1::NamesRequest& request,
               introspect::v1::NamesReply* reply) {
  NameCollector names(request, reply);
  for (const auto& [uid, pod] : store.cluster().pods) {
    for (const IpAddress& address : store.AddressesOf(pod)) {
      introspect::v1::NamedAddress* named = names.Add(address, "pod", pod.FullName(), pod.node);
      if (named == nullptr) continue;
      named->set_host_network(pod.host_network);
      named->mutable_labels()->insert(pod.labels.begin(), pod.labels.end());
      for (const Container& container : pod.containers) {
        for (const ContainerPort& port : container.ports)
          AddPort(port.name, port.protocol, port.number, named);
      }
    }
  }
  for (const auto& [name, service] : store.cluster().services) {
    for (const IpAddress& address : service.cluster_ips) {
      introspect::v1::NamedAddress* named = names.Add(address, "service", name, "");
      if (named == nullptr) continue;
      for (const ServicePortObject& port : service.object.ports)
        AddPort(port.name, port.protocol, port.port, named);
    }
  }
  for (const auto& [name, node] : store.cluster().nodes) {
    for (const IpAddress& address : node.addresses) names.Add(address, "node", name, name);
  }
  AddHeadless(store, names);
}

introspect::v1::RealisedNode::State Encode(NodeRealisation::State state) {
  switch (state) {
    case NodeRealisation::State::kRealised:
      return introspect::v1::RealisedNode::REALISED;
    case NodeRealisation::State::kLate:
      return introspect::v1::RealisedNode::LATE;
    case NodeRealisation::State::kRefused:
      return introspect::v1::RealisedNode::REFUSED;
    case NodeRealisation::State::kNotConnected:
      return introspect::v1::RealisedNode::NOT_CONNECTED;
  }
  return introspect::v1::RealisedNode::STATE_UNSPECIFIED;
}

void FillRealised(Controller& controller, const introspect::v1::RealisedRequest& request,
                  introspect::v1::RealisedReply* reply) {
  reply->set_reached(controller.HasReached(request.kind(), request.resource_version()));
  if (!reply->reached()) return;
  const ObjectKey key{request.kind(), request.namespace_(), request.name()};
  for (const Rejection& rejection : controller.Rejections()) {
    if (rejection.object == key.ToString()) reply->set_refused(rejection.message);
  }
  reply->set_exists(controller.source().objects().count(key) > 0);
  for (const NodeRealisation& node : RealisationOf(key, controller.store(), controller.hub())) {
    introspect::v1::RealisedNode* to = reply->add_nodes();
    to->set_node(node.node);
    to->set_state(Encode(node.state));
    to->set_message(node.message);
  }
}

class IntrospectService : public introspect::v1::Introspect::CallbackService {
 public:
  IntrospectService(EventLoop* loop, Controller* controller, const ClusterIdentity* identity)
      : loop_(loop), controller_(controller), identity_(identity) {}

  grpc::ServerUnaryReactor* Status(grpc::CallbackServerContext* context, const introspect::v1::StatusRequest*,
                                   introspect::v1::StatusReply* reply) override {
    return Answer(context, [this, reply] { FillStatus(*controller_, identity_, reply); });
  }
  grpc::ServerUnaryReactor* Names(grpc::CallbackServerContext* context,
                                  const introspect::v1::NamesRequest* request,
                                  introspect::v1::NamesReply* reply) override {
    return Answer(context, [this, request, reply] { FillNames(controller_->store(), *request, reply); });
  }
  grpc::ServerUnaryReactor* Realised(grpc::CallbackServerContext* context,
                                     const introspect::v1::RealisedRequest* request,
                                     introspect::v1::RealisedReply* reply) override {
    if (request->kind() != "NetworkPolicy" && request->kind() != "Service") {
      grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
      reactor->Finish({grpc::StatusCode::INVALID_ARGUMENT,
                       absl::StrCat("kind '", request->kind(), "': NetworkPolicy and Service are known")});
      return reactor;
    }
    return Answer(context, [this, request, reply] { FillRealised(*controller_, *request, reply); });
  }

 private:
  template <typename Fill>
  grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, Fill fill) {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    if (!MaySeeCluster(IdentityOf(*context))) {
      reactor->Finish(
          {grpc::StatusCode::PERMISSION_DENIED,
           "the client certificate is a node's, which sees its own node's view by ControlApi only"});
      return reactor;
    }
    loop_->Post([reactor, fill = std::move(fill)] {
      fill();
      reactor->Finish(grpc::Status::OK);
    });
    return reactor;
  }

  EventLoop* loop_;
  Controller* controller_;
  const ClusterIdentity* identity_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeIntrospectService(EventLoop* loop, Controller* controller,
                                                     const ClusterIdentity* identity) {
  return std::make_unique<IntrospectService>(loop, controller, identity);
}

}  // namespace fairlead::controller
