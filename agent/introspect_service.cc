#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "agent/describe.h"
#include "agent/grpc_services.h"
#include "api/introspect.grpc.pb.h"
#include "base/status_macros.h"

namespace fairlead::agent {
namespace {

constexpr auto kLoopPatience = std::chrono::seconds(10);
// Places of the connection table that one turn of the state thread reads: 2 ms at most, and 1 MB.
constexpr uint32_t kBatch = 4096;

grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

// A thread of gRPC waits for the state thread; questions are few and short, or cut into short ones.
class IntrospectService : public introspect::v1::Introspect::Service {
 public:
  IntrospectService(EventLoop* loop, NodeAgent* agent, std::string version)
      : loop_(loop), agent_(agent), version_(std::move(version)) {}

  grpc::Status Status(grpc::ServerContext*, const introspect::v1::StatusRequest*,
                      introspect::v1::StatusReply* reply) override {
    return Answer<introspect::v1::StatusReply>(reply, [this] { return DescribeStatus(*agent_, version_); });
  }
  grpc::Status Endpoints(grpc::ServerContext* context, const introspect::v1::EndpointsRequest*,
                         introspect::v1::EndpointsReply* reply) override {
    grpc::Status status =
        Answer<introspect::v1::EndpointsReply>(reply, [this] { return DescribeEndpoints(*agent_); });
    if (status.ok()) CountConnections(context, reply);
    return status;
  }
  grpc::Status Services(grpc::ServerContext*, const introspect::v1::ServicesRequest*,
                        introspect::v1::ServicesReply* reply) override {
    return Answer<introspect::v1::ServicesReply>(reply, [this] { return DescribeServices(*agent_); });
  }
  grpc::Status Policies(grpc::ServerContext*, const introspect::v1::PoliciesRequest*,
                        introspect::v1::PoliciesReply* reply) override {
    return Answer<introspect::v1::PoliciesReply>(reply, [this] { return DescribePolicies(*agent_); });
  }
  grpc::Status Names(grpc::ServerContext*, const introspect::v1::NamesRequest* request,
                     introspect::v1::NamesReply* reply) override {
    return Answer<introspect::v1::NamesReply>(
        reply, [this, asked = *request] { return DescribeNames(*agent_, asked); });
  }
  grpc::Status Why(grpc::ServerContext*, const introspect::v1::WhyRequest* request,
                   introspect::v1::WhyReply* reply) override {
    return Answer<introspect::v1::WhyReply>(reply,
                                            [this, asked = *request] { return DescribeWhy(*agent_, asked); });
  }
  grpc::Status Conntrack(grpc::ServerContext* context, const introspect::v1::ConntrackRequest* request,
                         grpc::ServerWriter<introspect::v1::ConntrackEntry>* writer) override {
    const absl::StatusOr<FlowFilter> filter = ReadFilter(request->filter());
    if (!filter.ok()) return ToGrpc(filter.status());
    std::shared_ptr<const AddressNames> names;
    grpc::Status named = Answer<std::shared_ptr<const AddressNames>>(
        &names, [this] { return std::make_shared<const AddressNames>(agent_->state(), agent_->node()); });
    if (!named.ok()) return named;
    return ForEachConnection(context, [&](const datapath::Connection& connection) {
      const std::optional<introspect::v1::ConntrackEntry> entry =
          DescribeConnection(connection, *names, *filter);
      return !entry || writer->Write(*entry);  // waits for a client that reads slowly
    });
  }

 private:
  struct Batch {
    std::vector<datapath::Connection> connections;
    uint32_t next = 0;
  };

  absl::StatusOr<Batch> ReadBatch(uint32_t place) const {
    Batch batch;
    ASSIGN_OR_RETURN(batch.next, agent_->datapath().ReadConnections(
                                     place, kBatch, [&batch](const datapath::Connection& connection) {
                                       batch.connections.push_back(connection);
                                     }));
    return batch;
  }

  // Calls `visit` on this thread, until it returns false. Between two batches the state thread does other
  // things, and no more than one batch is in memory.
  grpc::Status ForEachConnection(grpc::ServerContext* context,
                                 const std::function<bool(const datapath::Connection&)>& visit) {
    uint32_t place = 0;
    do {
      if (context->IsCancelled()) return grpc::Status::CANCELLED;
      Batch batch;
      grpc::Status status = Answer<Batch>(&batch, [this, place] { return ReadBatch(place); });
      if (!status.ok()) return status;
      for (const datapath::Connection& connection : batch.connections) {
        if (!visit(connection)) return grpc::Status::CANCELLED;
      }
      place = batch.next;
    } while (place != 0);
    return grpc::Status::OK;
  }

  // As far as they can be read: the pods are worth listing without.
  void CountConnections(grpc::ServerContext* context, introspect::v1::EndpointsReply* reply) {
    std::map<std::string, introspect::v1::EndpointState*> pods;  // by the bytes of an address
    for (introspect::v1::EndpointState& pod : *reply->mutable_endpoints()) {
      for (const std::string& address : pod.addresses()) pods[address] = &pod;
    }
    auto count = [&pods](const IpAddress& address) {
      auto pod = pods.find(address.ToBytes());
      if (pod != pods.end()) pod->second->set_connections(pod->second->connections() + 1);
    };
    (void)ForEachConnection(context, [&](const datapath::Connection& connection) {
      count(connection.client);
      count(connection.translated ? connection.translated_server : connection.server);
      return true;
    });
  }

  template <typename Reply>
  grpc::Status Answer(Reply* reply, std::function<absl::StatusOr<Reply>()> ask) {
    absl::StatusOr<absl::StatusOr<Reply>> answer =
        loop_->Call<absl::StatusOr<Reply>>(kLoopPatience, std::move(ask));
    if (!answer.ok()) return ToGrpc(answer.status());
    if (!answer->ok()) return ToGrpc(answer->status());
    *reply = **std::move(answer);
    return grpc::Status::OK;
  }

  EventLoop* loop_;
  NodeAgent* agent_;
  std::string version_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeIntrospectService(EventLoop* loop, NodeAgent* agent, std::string version) {
  return std::make_unique<IntrospectService>(loop, agent, std::move(version));
}

}  // namespace fairlead::agent
