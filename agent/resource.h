// What the controller sends, as plain values: named, versioned resources of api/control.proto, read
// and checked by decode.h. A version is a hash of the content.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "api/resource_id.h"
#include "base/ip.h"
#include "datapath/desired_state.h"
#include "policy/compiled.h"

namespace fairlead::agent {

// "PolicySet", as datapath::ApplyReport and people call it.
const char* KindName(ResourceKind kind);

// A pod of this node and the sets that hold for it: the resource "Endpoint".
struct PodPolicy {
  std::string uid;
  std::string namespace_name;
  std::string name;
  std::string ingress_set;  // empty: not isolated
  std::string egress_set;
};

struct AddressGroupDelta {
  std::string base_version;
  std::vector<IpPrefix> added;
  std::vector<IpPrefix> removed;
};

struct ServiceDelta {
  struct Port {
    uint32_t index = 0;
    std::vector<datapath::ServiceBackend> added;
    std::vector<datapath::ServiceBackend> removed;
  };
  std::string base_version;
  std::vector<Port> ports;
};

struct Removed {};

// NodeSettings come without the node's addresses: these are in the RemoteNode of its own name.
using Body =
    std::variant<Removed, datapath::NodeSettings, datapath::RemoteNode, PodPolicy, policy::AddressGroup,
                 policy::PolicySet, datapath::Service, AddressGroupDelta, ServiceDelta>;

struct Change {
  ResourceId id;
  std::string version;
  Body body;
};

// Why a resource cannot be taken; of kind kNone: why a whole push cannot.
// What an agent blames at once: what is not blamed is sent again, and blamed then.
inline constexpr size_t kMaxNackErrors = 1000;

struct ResourceError {
  ResourceId id;
  std::string message;
  std::vector<std::string> policies;  // of a PolicySet: whose rules it holds, "namespace/name"
};

// "PolicySet set-1 (of shop/cart, shop/default-deny)"; the first few where a set has many policies.
std::string NameOf(const ResourceError& error);

struct Push {
  uint64_t nonce = 0;
  uint64_t watermark = 0;
  std::vector<Change> changes;
  bool complete = false;
  // Resources of the push that could not be read; they are not in `changes`.
  std::vector<ResourceError> errors;
};

}  // namespace fairlead::agent
