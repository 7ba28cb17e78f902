// The connection to another replica. Internal to peers/.
#pragma once

#include <memory>
#include <string>

#include "controller/identity/tls_source.h"
#include "grpcpp/channel.h"

namespace fairlead::controller {

// `replica`: "HOST:PORT". The last channel of a process joins gRPC's threads: none of these may let go of it.
std::shared_ptr<grpc::Channel> OpenPeerChannel(const std::string& replica, const TlsTexts& texts);

}  // namespace fairlead::controller
