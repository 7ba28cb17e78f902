// Who is at the other end of a connection. A client certificate whose common name, or a URI among
// its subject alternative names, reads "system:fairlead:node:NAME" belongs to the agent of node NAME
// and binds it to that node's view; "system:fairlead:controller" is another replica. Over a unix socket there
// is no certificate: the socket's mode decides who gets in. Anybody else is a stranger (tls_credentials.h
// lets none through).
#pragma once

#include <string>

#include "absl/time/time.h"
#include "grpcpp/server_context.h"

namespace fairlead::controller {

struct PeerIdentity {
  bool local = false;                         // over a unix socket
  bool authenticated = false;                 // has a verified certificate
  std::string node;                           // empty: no node's certificate
  bool controller = false;                    // another replica
  absl::Time until = absl::InfiniteFuture();  // end of the certificate
};

PeerIdentity IdentityOf(const grpc::ServerContextBase& context);

// May this peer speak for `node`?
bool MaySpeakFor(const PeerIdentity& peer, const std::string& node);
// May this peer see the whole cluster? Agents may not: they see their own node's view.
bool MaySeeCluster(const PeerIdentity& peer);
// May this peer know how the agents of this replica are?
bool MayAskForPeers(const PeerIdentity& peer);

}  // namespace fairlead::controller
