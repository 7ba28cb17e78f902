#include "cli/rpc/introspect_client.h"

#include "absl/strings/str_cat.h"
#include "api/introspect.grpc.pb.h"
#include "api/observer.grpc.pb.h"
#include "base/status_macros.h"
#include "cli/rpc/channel.h"

namespace fairlead::cli {
namespace {

using introspect::v1::Introspect;
using observer::v1::Observer;

absl::Status Failure(const grpc::Status& status, const char* operation, const Peer& peer) {
  const std::string trouble = status.error_code() == grpc::StatusCode::UNAVAILABLE ? peer.trouble() : "";
  if (!trouble.empty())
    return absl::UnavailableError(absl::StrCat(operation, " of ", peer.name, ": ", trouble));
  return FromGrpc(status, operation, peer.name.empty() ? peer.target : peer.name);
}

template <typename Reply, typename Request, typename Method>
absl::StatusOr<Reply> Ask(Introspect::Stub& stub, Method method, const Request& request,
                          const char* operation, const Peer& peer) {
  grpc::ClientContext context;
  SetDeadline(context, peer.timeout_ms);
  Reply reply;
  RETURN_IF_ERROR(Failure((stub.*method)(&context, request, &reply), operation, peer));
  return reply;
}

template <typename Message>
absl::Status Drain(grpc::ClientContext& context, grpc::ClientReader<Message>& reader,
                   const std::function<bool(const Message&)>& visit, const char* operation,
                   const Peer& peer) {
  Message message;
  bool stopped = false;
  while (!stopped && reader.Read(&message)) {
    if (!visit(message)) {
      stopped = true;
      context.TryCancel();
    }
  }
  const grpc::Status status = reader.Finish();
  return stopped ? absl::OkStatus() : Failure(status, operation, peer);
}

}  // namespace

struct IntrospectClient::Stubs {
  explicit Stubs(const std::shared_ptr<grpc::Channel>& channel) : introspect(channel), observer(channel) {}
  Introspect::Stub introspect;
  Observer::Stub observer;
};

IntrospectClient::IntrospectClient(Peer peer)
    : peer_(std::move(peer)),
      stubs_(std::make_unique<Stubs>(OpenChannel(peer_.target, peer_.connect_timeout_ms))) {}
IntrospectClient::~IntrospectClient() = default;
IntrospectClient::IntrospectClient(IntrospectClient&&) noexcept = default;
IntrospectClient& IntrospectClient::operator=(IntrospectClient&&) noexcept = default;

absl::StatusOr<introspect::v1::StatusReply> IntrospectClient::Status() const {
  return Ask<introspect::v1::StatusReply>(stubs_->introspect, &Introspect::Stub::Status,
                                          introspect::v1::StatusRequest(), "status", peer_);
}

absl::StatusOr<introspect::v1::EndpointsReply> IntrospectClient::Endpoints() const {
  return Ask<introspect::v1::EndpointsReply>(stubs_->introspect, &Introspect::Stub::Endpoints,
                                             introspect::v1::EndpointsRequest(), "endpoints", peer_);
}

absl::StatusOr<introspect::v1::ServicesReply> IntrospectClient::Services() const {
  return Ask<introspect::v1::ServicesReply>(stubs_->introspect, &Introspect::Stub::Services,
                                            introspect::v1::ServicesRequest(), "services", peer_);
}

absl::StatusOr<introspect::v1::PoliciesReply> IntrospectClient::Policies() const {
  return Ask<introspect::v1::PoliciesReply>(stubs_->introspect, &Introspect::Stub::Policies,
                                            introspect::v1::PoliciesRequest(), "policies", peer_);
}

absl::StatusOr<introspect::v1::WhyReply> IntrospectClient::Why(
    const introspect::v1::WhyRequest& request) const {
  return Ask<introspect::v1::WhyReply>(stubs_->introspect, &Introspect::Stub::Why, request, "why", peer_);
}

absl::StatusOr<introspect::v1::RealisedReply> IntrospectClient::Realised(
    const introspect::v1::RealisedRequest& request) const {
  return Ask<introspect::v1::RealisedReply>(stubs_->introspect, &Introspect::Stub::Realised, request,
                                            "realised state", peer_);
}

absl::StatusOr<Names> IntrospectClient::AllNames() const {
  ASSIGN_OR_RETURN(const auto reply,
                   Ask<introspect::v1::NamesReply>(stubs_->introspect, &Introspect::Stub::Names,
                                                   introspect::v1::NamesRequest(), "names", peer_));
  std::vector<NamedAddress> entries;
  for (const auto& named : reply.names()) {
    const auto address =
        IpAddress::FromBytes(absl::string_view(named.address().data(), named.address().size()));
    if (!address.ok()) continue;
    NamedAddress entry{.address = *address,
                       .kind = named.kind(),
                       .name = named.name(),
                       .node = named.node(),
                       .host_network = named.host_network(),
                       .labels = {named.labels().begin(), named.labels().end()}};
    for (const auto& port : named.ports()) {
      entry.ports.push_back(
          {port.name(), static_cast<uint8_t>(port.protocol()), static_cast<uint16_t>(port.port())});
    }
    entries.push_back(std::move(entry));
  }
  return Names(std::move(entries));
}

absl::Status IntrospectClient::Conntrack(
    const introspect::v1::ConntrackRequest& request,
    const std::function<bool(const introspect::v1::ConntrackEntry&)>& visit) const {
  grpc::ClientContext context;
  const auto reader = stubs_->introspect.Conntrack(&context, request);
  return Drain(context, *reader, visit, "conntrack", peer_);
}

absl::Status IntrospectClient::Flows(const observer::v1::FlowsRequest& request,
                                     const std::function<bool(const observer::v1::Flow&)>& visit) const {
  grpc::ClientContext context;
  const auto reader = stubs_->observer.Flows(&context, request);
  return Drain(context, *reader, visit, "flows", peer_);
}

}  // namespace fairlead::cli
