// Which pod, Service or node an address belongs to, as far as this node knows: its own pods, the
// backends and addresses of Services, the nodes. Built anew for each question. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/node_state.h"
#include "base/ip.h"

namespace fairlead::agent {

struct AddressName {
  std::string kind;  // "pod", "service", "node"
  std::string name;  // "namespace/name", or a node's name
  std::string node;  // of a pod
};

class AddressNames {
 public:
  AddressNames(const NodeState& state, const std::string& node);

  // nullptr: nobody that this node knows.
  const AddressName* Find(const IpAddress& address) const;
  // "shop/cart-0", or the address.
  std::string Text(const IpAddress& address) const;
  // Addresses of the pod, Service or node of this name.
  std::vector<IpAddress> AddressesOf(const std::string& name) const;
  const std::map<IpAddress, AddressName>& all() const { return names_; }

 private:
  std::map<IpAddress, AddressName> names_;
};

}  // namespace fairlead::agent
