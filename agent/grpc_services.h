// The two gRPC services of the agent; grpc_server.cc puts them on a socket.
#pragma once

#include <memory>
#include <string>

#include "agent/node_agent.h"
#include "base/event_loop.h"
#include "grpcpp/impl/codegen/service_type.h"

namespace fairlead::agent {

std::unique_ptr<grpc::Service> MakeIntrospectService(EventLoop* loop, NodeAgent* agent, std::string version);
std::unique_ptr<grpc::Service> MakeObserverService(EventLoop* loop, NodeAgent* agent);

}  // namespace fairlead::agent
