#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "controller/sync/encode.h"

namespace fairlead::controller {
namespace {

namespace pb = control::v1;

constexpr size_t kMaxNameBytes = 512;
constexpr size_t kMaxMessageBytes = 2048;
constexpr int kMaxAddresses = 16;
constexpr int kMaxErrors = 1000;
constexpr int kMaxConditions = 64;
constexpr size_t kMaxConditionTypeBytes = 64;
constexpr int kMaxPools = 2;

absl::Status CheckText(const std::string& text, size_t max, const std::string& field) {
  if (text.size() <= max) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(field, " has ", text.size(), " bytes, more than ", max));
}

absl::StatusOr<ResourceId> DecodeId(pb::ResourceKind kind, const std::string& name,
                                    const std::string& field) {
  if (kind < pb::NODE_CONFIG || kind > pb::SERVICE) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ".kind: ", static_cast<int>(kind), " is no kind of resource"));
  }
  RETURN_IF_ERROR(CheckText(name, kMaxNameBytes, absl::StrCat(field, ".name")));
  return ResourceId{static_cast<ResourceKind>(kind), name};
}

absl::StatusOr<ReportedEndpoint> DecodeEndpoint(const pb::EndpointAddresses& from, const std::string& field) {
  ReportedEndpoint endpoint{from.pod_uid(),   from.namespace_(), from.name(), from.sandbox(), {},
                            from.generation()};
  for (const std::string* text :
       {&endpoint.pod_uid, &endpoint.namespace_name, &endpoint.name, &endpoint.sandbox}) {
    RETURN_IF_ERROR(CheckText(*text, kMaxNameBytes, field));
  }
  if (endpoint.pod_uid.empty() && (endpoint.namespace_name.empty() || endpoint.name.empty())) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, " names no pod: needs pod_uid, or namespace and name"));
  }
  if (from.addresses_size() > kMaxAddresses) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ".addresses: ", from.addresses_size(), " of them, more than ", kMaxAddresses));
  }
  for (const std::string& bytes : from.addresses()) {
    absl::StatusOr<IpAddress> address = IpAddress::FromBytes(bytes);
    if (!address.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, ".addresses: has ", bytes.size(), " bytes, must have 4 or 16"));
    }
    endpoint.addresses.push_back(*address);
  }
  return endpoint;
}

absl::StatusOr<AgentCondition> DecodeCondition(const pb::AgentCondition& from, const std::string& field) {
  if (from.type().empty() || !std::all_of(from.type().begin(), from.type().end(),
                                          [](unsigned char c) { return absl::ascii_isalpha(c); })) {
    return absl::InvalidArgumentError(absl::StrCat(field, ".type: must be a word such as DatapathReady"));
  }
  RETURN_IF_ERROR(CheckText(from.type(), kMaxConditionTypeBytes, absl::StrCat(field, ".type")));
  return AgentCondition{from.type(), from.ok(), Shorten(from.message(), kMaxMessageBytes), from.since_ns()};
}

absl::StatusOr<AddressPool> DecodePool(const pb::AddressPool& from, const std::string& field) {
  const absl::StatusOr<IpAddress> address = IpAddress::FromBytes(from.cidr().address());
  const absl::StatusOr<IpPrefix> cidr = address.ok() && from.cidr().length() <= 128
                                            ? IpPrefix::Of(*address, static_cast<int>(from.cidr().length()))
                                            : absl::InvalidArgumentError("");
  if (!cidr.ok()) return absl::InvalidArgumentError(absl::StrCat(field, ".cidr: is no range of addresses"));
  return AddressPool{*cidr, from.used(), from.free(), from.cooling()};
}

}  // namespace

absl::StatusOr<AgentHealth> Decode(const pb::AgentHealth& health) {
  if (health.conditions_size() > kMaxConditions || health.pools_size() > kMaxPools) {
    return absl::InvalidArgumentError(absl::StrCat("report.health: has ", health.conditions_size(),
                                                   " conditions and ", health.pools_size(),
                                                   " pools, at most ", kMaxConditions, " and ", kMaxPools));
  }
  AgentHealth result{.ready = health.ready(), .kernel = Shorten(health.kernel(), kMaxNameBytes)};
  for (int i = 0; i < health.conditions_size(); ++i) {
    ASSIGN_OR_RETURN(
        AgentCondition condition,
        DecodeCondition(health.conditions(i), absl::StrCat("report.health.conditions[", i, "]")));
    result.conditions.push_back(std::move(condition));
  }
  for (int i = 0; i < health.pools_size(); ++i) {
    ASSIGN_OR_RETURN(AddressPool pool,
                     DecodePool(health.pools(i), absl::StrCat("report.health.pools[", i, "]")));
    result.pools.push_back(pool);
  }
  return result;
}

absl::StatusOr<ClusterProgress> Decode(const peers::v1::ProgressReply& reply) {
  ClusterProgress all;
  for (const peers::v1::AgentProgress& from : reply.agents()) {
    AgentProgress agent{.connected = true, .told = from.told(), .version = from.version()};
    for (const pb::ResourceName& name : from.outstanding()) {
      ASSIGN_OR_RETURN(ResourceId id, DecodeId(name.kind(), name.name(), "agents.outstanding"));
      agent.outstanding.insert(std::move(id));
    }
    for (const pb::ResourceError& error : from.refused()) {
      ASSIGN_OR_RETURN(ResourceId id, DecodeId(error.kind(), error.name(), "agents.refused"));
      agent.refused.push_back({std::move(id), error.message()});
    }
    if (from.has_health()) {
      ASSIGN_OR_RETURN(agent.health, Decode(from.health()));
    }
    all.emplace(from.node(), std::move(agent));
  }
  return all;
}

absl::StatusOr<std::vector<ReportedEndpoint>> Decode(
    const google::protobuf::RepeatedPtrField<pb::EndpointAddresses>& endpoints, const char* field) {
  if (endpoints.size() > static_cast<int>(PodAddresses::kMaxPerNode)) {
    return absl::InvalidArgumentError(absl::StrCat(field, ": ", endpoints.size(),
                                                   " endpoints, more than the ", PodAddresses::kMaxPerNode,
                                                   " of a node"));
  }
  std::vector<ReportedEndpoint> result;
  for (int i = 0; i < endpoints.size(); ++i) {
    ASSIGN_OR_RETURN(ReportedEndpoint endpoint,
                     DecodeEndpoint(endpoints[i], absl::StrCat(field, "[", i, "]")));
    result.push_back(std::move(endpoint));
  }
  return result;
}

absl::StatusOr<HelloMessage> Decode(const pb::Hello& hello) {
  HelloMessage result;
  result.protocol_version = hello.protocol_version();
  result.node = hello.node();
  result.agent_version = hello.agent_version();
  result.watermark = hello.watermark();
  if (result.node.empty()) return absl::InvalidArgumentError("hello.node is empty");
  RETURN_IF_ERROR(CheckText(result.node, kMaxNameBytes, "hello.node"));
  RETURN_IF_ERROR(CheckText(result.agent_version, kMaxNameBytes, "hello.agent_version"));
  for (int i = 0; i < hello.held_size(); ++i) {
    const pb::HeldResource& held = hello.held(i);
    std::string field = absl::StrCat("hello.held[", i, "]");
    ASSIGN_OR_RETURN(ResourceId id, DecodeId(held.kind(), held.name(), field));
    RETURN_IF_ERROR(CheckText(held.version(), kMaxNameBytes, field + ".version"));
    result.held.push_back({std::move(id), held.version()});
  }
  ASSIGN_OR_RETURN(result.endpoints, Decode(hello.endpoints(), "hello.endpoints"));
  return result;
}

absl::StatusOr<std::vector<ResourceError>> Decode(const pb::Nack& nack) {
  if (nack.errors_size() > kMaxErrors) {
    return absl::InvalidArgumentError(
        absl::StrCat("nack.errors: ", nack.errors_size(), " of them, more than ", kMaxErrors));
  }
  std::vector<ResourceError> errors;
  for (int i = 0; i < nack.errors_size(); ++i) {
    const pb::ResourceError& error = nack.errors(i);
    ResourceError result;
    // An error about the push as a whole names no resource.
    if (error.kind() != pb::RESOURCE_KIND_UNSPECIFIED) {
      ASSIGN_OR_RETURN(result.id, DecodeId(error.kind(), error.name(), absl::StrCat("nack.errors[", i, "]")));
    }
    result.message = Shorten(error.message(), kMaxMessageBytes);
    errors.push_back(std::move(result));
  }
  return errors;
}

}  // namespace fairlead::controller
