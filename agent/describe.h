// What a NodeAgent holds, in the words of api/introspect.proto. What takes a NodeAgent runs on the state
// thread, the rest anywhere.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "agent/names.h"
#include "agent/node_agent.h"
#include "api/introspect.pb.h"

namespace fairlead::agent {

introspect::v1::StatusReply DescribeStatus(const NodeAgent& agent, const std::string& version);
// Without the numbers of their connections.
introspect::v1::EndpointsReply DescribeEndpoints(const NodeAgent& agent);
introspect::v1::ServicesReply DescribeServices(const NodeAgent& agent);
introspect::v1::PoliciesReply DescribePolicies(const NodeAgent& agent);
// nullopt when the filter does not admit it.
std::optional<introspect::v1::ConntrackEntry> DescribeConnection(const datapath::Connection& connection,
                                                                 const AddressNames& names,
                                                                 const FlowFilter& filter);
absl::StatusOr<introspect::v1::WhyReply> DescribeWhy(const NodeAgent& agent,
                                                     const introspect::v1::WhyRequest& request);
introspect::v1::NamesReply DescribeNames(const NodeAgent& agent, const introspect::v1::NamesRequest& request);

// INVALID_ARGUMENT naming the field that is wrong.
absl::StatusOr<FlowFilter> ReadFilter(const observer::v1::FlowFilter& filter);
observer::v1::Flow DescribeFlow(const FlowCursor::Found& found, const std::string& node);

}  // namespace fairlead::agent
