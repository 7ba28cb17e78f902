// What agents and controllers are called where they know each other by certificates, for both ends and for
// the objects in the cluster that they meet at.
#pragma once

namespace fairlead {

// The common name, or a URI among the subject alternative names, of the certificate of a node's agent:
// followed by the node's name.
inline constexpr char kNodeNamePrefix[] = "system:fairlead:node:";
// The common name of the certificate by which a controller asks another one.
inline constexpr char kControllerPeerName[] = "system:fairlead:controller";
// The DNS name in a controller's certificate, whatever address it is reached at; and the audience of the
// tokens that are shown to it.
inline constexpr char kControllerName[] = "fairlead-controller";
// The agents' service account, in the namespace that Fairlead is installed in.
inline constexpr char kAgentAccount[] = "fairlead-agent";
// The Secret that holds the CA, and the ConfigMap that publishes its certificates under this key.
inline constexpr char kCaObject[] = "fairlead-ca";
inline constexpr char kCaKey[] = "ca.crt";

}  // namespace fairlead
