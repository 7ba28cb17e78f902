// Which pod, Service or node an address belongs to, and the other way round. A plain value, made from
// what a controller or an agent says.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/ip.h"

namespace fairlead::cli {

struct NamedPort {
  std::string name;
  uint8_t protocol = 6;  // IANA
  uint16_t port = 0;

  bool operator==(const NamedPort&) const = default;
};

struct NamedAddress {
  IpAddress address;
  std::string kind;  // "pod", "service", "headless", "node", "host" (of a lab, and no node)
  std::string name;  // "namespace/name", or a node's name
  std::string node;  // of a pod
  bool host_network = false;
  std::map<std::string, std::string> labels;
  std::vector<NamedPort> ports;
};

class Names {
 public:
  Names() = default;
  explicit Names(std::vector<NamedAddress> entries);

  const std::vector<NamedAddress>& entries() const { return entries_; }
  // nullptr when nothing of the cluster has it. A node's address is the node's, even when host-network
  // pods share it.
  const NamedAddress* Find(const IpAddress& address) const;
  // All addresses of an object; `kind` empty: any kind.
  std::vector<const NamedAddress*> FindName(absl::string_view name, absl::string_view kind = "") const;

 private:
  std::vector<NamedAddress> entries_;
  std::map<IpAddress, size_t> by_address_;
};

// An /etc/hosts in which Services and pods have the names that cluster DNS would give them: "cart.shop",
// "cart.shop.svc.cluster.local"; pods as "cart-0.shop.pod"; nodes by their name.
std::string HostsText(const Names& names);

}  // namespace fairlead::cli
