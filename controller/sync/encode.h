// Between the values of this folder and Protobuf messages. What comes in is hostile and checked here.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/control.pb.h"
#include "api/peers.pb.h"
#include "controller/sync/hub.h"
#include "controller/sync/progress.h"

namespace fairlead::controller {

// A SyncResponse's bytes. Whole resources, which most agents are sent alike, are encoded once for all of
// them.
std::string Serialize(const Push& push);

// INVALID_ARGUMENT names the field that is wrong.
absl::StatusOr<HelloMessage> Decode(const control::v1::Hello& hello);
absl::StatusOr<std::vector<ResourceError>> Decode(const control::v1::Nack& nack);
absl::StatusOr<std::vector<ReportedEndpoint>> Decode(
    const google::protobuf::RepeatedPtrField<control::v1::EndpointAddresses>& endpoints, const char* field);

absl::StatusOr<AgentHealth> Decode(const control::v1::AgentHealth& health);

control::v1::ResourceError Encode(const ResourceError& error);
control::v1::AgentHealth Encode(const AgentHealth& health);

peers::v1::ProgressReply Encode(const ClusterProgress& progress);
peers::v1::NodeEndpoints Encode(const std::string& node, const std::vector<ReportedEndpoint>& endpoints);
absl::StatusOr<ClusterProgress> Decode(const peers::v1::ProgressReply& reply);

}  // namespace fairlead::controller
