// Plain values as Protobuf messages: what the agent says upstream, and its state for the disk.
#pragma once

#include <string>
#include <vector>

#include "agent/endpoint_report.h"
#include "agent/health.h"
#include "agent/node_state.h"
#include "agent/resource.h"
#include "api/control.pb.h"

namespace fairlead::agent {

control::v1::SyncRequest EncodeHello(const std::string& node, const std::string& agent_version,
                                     const NodeState& state, uint64_t watermark,
                                     const std::vector<EndpointReport>& endpoints);
control::v1::SyncRequest EncodeAck(uint64_t nonce);
// No more errors than a controller takes (api/control.proto).
control::v1::SyncRequest EncodeNack(uint64_t nonce, const std::vector<ResourceError>& errors);
control::v1::SyncRequest EncodeReport(const std::vector<EndpointReport>& upserts,
                                      const std::vector<EndpointReport>& removals);
control::v1::SyncRequest EncodeHealth(const AgentHealth& health);

// Everything that is held, as the push that would bring an empty agent there. Groups come before
// sets and sets before endpoints.
std::string EncodeState(const NodeState& state, uint64_t watermark);

void EncodeOrigin(const policy::RuleOrigin& from, control::v1::RuleOrigin* to);

}  // namespace fairlead::agent
