// How to reach an agent or a controller, and what a failed call means to a user. gRPC types end in this
// folder: everything else of cli/ sees protobuf messages or plain values.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/status/status.h"

namespace fairlead::cli {

// "unix:/run/fairlead/agent.sock", or HOST:PORT in clear text (loopback). What listens has so long to say
// that it speaks gRPC.
std::shared_ptr<grpc::Channel> OpenChannel(const std::string& target, int connect_timeout_ms = 1000);

// OK, or the failure with what was asked of whom and, when nobody answers, what to do about it.
absl::Status FromGrpc(const grpc::Status& status, const std::string& operation, const std::string& target);

// Lets a call take at most `timeout_ms`.
void SetDeadline(grpc::ClientContext& context, int timeout_ms);

}  // namespace fairlead::cli
