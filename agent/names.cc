#include "agent/names.h"

#include "absl/strings/str_cat.h"

namespace fairlead::agent {

AddressNames::AddressNames(const NodeState& state, const std::string& node) {
  const datapath::DesiredState& desired = state.desired();
  for (const auto& [key, service] : desired.services) {
    for (const IpAddress& address : service.cluster_ips) names_[address] = {"service", key, ""};
    for (const auto& port : service.ports) {
      for (const auto& backend : port.backends) {
        if (!backend.pod.empty()) names_[backend.address] = {"pod", backend.pod, backend.node};
      }
    }
  }
  for (const auto& [name, remote] : desired.nodes) {
    for (const IpAddress& address : remote.addresses) names_[address] = {"node", name, name};
  }
  for (const IpAddress& address : desired.settings.node_addresses) names_[address] = {"node", node, node};
  for (const auto& [key, endpoint] : desired.endpoints) {
    for (const IpAddress& address : endpoint.addresses) {
      names_[address] = {"pod", absl::StrCat(endpoint.namespace_name, "/", endpoint.pod_name), node};
    }
  }
}

const AddressName* AddressNames::Find(const IpAddress& address) const {
  auto found = names_.find(address);
  return found == names_.end() ? nullptr : &found->second;
}

std::string AddressNames::Text(const IpAddress& address) const {
  const AddressName* name = Find(address);
  return name == nullptr ? address.ToString() : name->name;
}

std::vector<IpAddress> AddressNames::AddressesOf(const std::string& name) const {
  std::vector<IpAddress> addresses;
  for (const auto& [address, named] : names_) {
    if (named.name == name) addresses.push_back(address);
  }
  return addresses;
}

}  // namespace fairlead::agent
