// Whom a command asks: the agents of a Kubernetes cluster, of a lab, or those named by --agent, and the
// controllers if there are any.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/commands/command.h"
#include "cli/names.h"
#include "cli/rpc/introspect_client.h"

namespace fairlead::cli {

struct NodeAgent {
  std::string node;  // its name; the agent's address where that is all we know
  IntrospectClient client;
};

// What the clients' connections need, and lives as long as they do.
class Connections {
 public:
  virtual ~Connections() = default;
};

struct Cluster {
  std::unique_ptr<Connections> connections;
  std::vector<NodeAgent> agents;
  std::vector<NodeAgent> controllers;  // replicas; each knows the whole cluster
  std::vector<NamedAddress> hosts;     // that no controller knows of: what is outside of a lab

  // Does not connect yet.
  static absl::StatusOr<Cluster> Open(const Context& context);
  // A controller's word, or what the agents know together, and the hosts. Without any answer: the hosts.
  Names LoadNames() const;
  // nullptr: no agent of this name.
  const NodeAgent* Find(const std::string& node) const;
};

// "10.244.1.5 shop/cart-0": what an address is, for people; "" of no bytes.
std::string NamedText(const Names& names, const std::string& address_bytes);
// "shop/cart-0" when it has a name, else the address.
std::string NameOrAddress(const Names& names, const std::string& address_bytes);
// "10.0.0.1:80", "[fd00::1]:80"; without a port when it is 0.
std::string AddressPort(const std::string& address_bytes, uint32_t port);
// "shop/cart-0:80", or with its address when nothing here has it: one end of a connection. `name`: if the
// sender of the message knew it, else empty.
std::string NamedPortText(const Names& names, const std::string& name, const std::string& address_bytes,
                          uint32_t port);
// "TCP", "UDP", "ICMP", or "protocol 47".
std::string ProtocolName(uint32_t protocol);

}  // namespace fairlead::cli
