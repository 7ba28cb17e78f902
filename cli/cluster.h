// Whom a command asks: the agents of a lab or those named by --agent, and the controller if there is one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/commands/command.h"
#include "cli/names.h"
#include "cli/rpc/introspect_client.h"

namespace fairlead::cli {

struct NodeAgent {
  std::string node;  // its name in a lab; the agent's address otherwise
  IntrospectClient client;
};

struct Cluster {
  std::vector<NodeAgent> agents;
  std::optional<IntrospectClient> controller;

  // Does not connect yet.
  static absl::StatusOr<Cluster> Open(const Context& context);
  // The controller's word, or what the agents know together. Without any answer: no names.
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
// "TCP", "UDP", "ICMP", or the number.
std::string ProtocolName(uint32_t protocol);

}  // namespace fairlead::cli
