#include <utility>

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

}  // namespace

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
