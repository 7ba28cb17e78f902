// The controller's gRPC services. Each call hops to the loop's thread, which owns all state, and is
// answered from there. `loop` and what it serves must outlive the server.
#pragma once

#include <memory>

#include "controller/identity/cluster_identity.h"
#include "controller/identity/node_signer.h"
#include "controller/server/controller.h"
#include "grpcpp/impl/service_type.h"

namespace fairlead::controller {

std::unique_ptr<grpc::Service> MakeIdentityService(EventLoop* loop, NodeSigner* signer);
std::unique_ptr<grpc::Service> MakeControlService(EventLoop* loop, Hub* hub);
// `identity` may be null.
std::unique_ptr<grpc::Service> MakeIntrospectService(EventLoop* loop, Controller* controller,
                                                     const ClusterIdentity* identity);
std::unique_ptr<grpc::Service> MakePeersService(EventLoop* loop, Controller* controller);
std::unique_ptr<grpc::Service> MakeWorkloadsService(EventLoop* loop, Controller* controller);

}  // namespace fairlead::controller
