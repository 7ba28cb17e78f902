#include <chrono>
#include <functional>
#include <utility>

#include "agent/describe.h"
#include "agent/grpc_services.h"
#include "api/introspect.grpc.pb.h"

namespace fairlead::agent {
namespace {

namespace pb = introspect::v1;

constexpr auto kPatience = std::chrono::seconds(10);

grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

// A thread of gRPC waits for the state thread; questions are few and short.
class IntrospectService : public pb::Introspect::Service {
 public:
  IntrospectService(EventLoop* loop, NodeAgent* agent, std::string version)
      : loop_(loop), agent_(agent), version_(std::move(version)) {}

  grpc::Status Status(grpc::ServerContext*, const pb::StatusRequest*, pb::StatusReply* reply) override {
    return Answer<pb::StatusReply>(reply, [this] { return DescribeStatus(*agent_, version_); });
  }
  grpc::Status Endpoints(grpc::ServerContext*, const pb::EndpointsRequest*,
                         pb::EndpointsReply* reply) override {
    return Answer<pb::EndpointsReply>(reply, [this] { return DescribeEndpoints(*agent_); });
  }
  grpc::Status Services(grpc::ServerContext*, const pb::ServicesRequest*, pb::ServicesReply* reply) override {
    return Answer<pb::ServicesReply>(reply, [this] { return DescribeServices(*agent_); });
  }
  grpc::Status Policies(grpc::ServerContext*, const pb::PoliciesRequest*, pb::PoliciesReply* reply) override {
    return Answer<pb::PoliciesReply>(reply, [this] { return DescribePolicies(*agent_); });
  }
  grpc::Status Names(grpc::ServerContext*, const pb::NamesRequest* request, pb::NamesReply* reply) override {
    return Answer<pb::NamesReply>(reply, [this, asked = *request] { return DescribeNames(*agent_, asked); });
  }
  grpc::Status Why(grpc::ServerContext*, const pb::WhyRequest* request, pb::WhyReply* reply) override {
    return Answer<pb::WhyReply>(reply, [this, asked = *request] { return DescribeWhy(*agent_, asked); });
  }
  grpc::Status Conntrack(grpc::ServerContext*, const pb::ConntrackRequest* request,
                         grpc::ServerWriter<pb::ConntrackEntry>* writer) override {
    absl::StatusOr<FlowFilter> filter = ReadFilter(request->filter());
    if (!filter.ok()) return ToGrpc(filter.status());
    std::vector<pb::ConntrackEntry> entries;
    grpc::Status status = Answer<std::vector<pb::ConntrackEntry>>(
        &entries, [this, filter = *filter] { return DescribeConntrack(*agent_, filter); });
    for (const pb::ConntrackEntry& entry : entries) {
      if (!writer->Write(entry)) break;
    }
    return status;
  }

 private:
  template <typename Reply>
  grpc::Status Answer(Reply* reply, std::function<absl::StatusOr<Reply>()> ask) {
    absl::StatusOr<absl::StatusOr<Reply>> answer =
        loop_->Call<absl::StatusOr<Reply>>(kPatience, std::move(ask));
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
