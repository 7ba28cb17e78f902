// What names a resource of control.proto, for both ends of the stream: values, without Protobuf.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace fairlead {

// Numbers of control.v1.ResourceKind.
enum class ResourceKind : uint8_t {
  kNone = 0,  // of nothing that can be sent
  kNodeConfig = 1,
  kNode = 2,
  kEndpoint = 3,
  kAddressGroup = 4,
  kPolicySet = 5,
  kService = 6,
};

struct ResourceId {
  ResourceKind kind = ResourceKind::kNone;
  std::string name;

  auto operator<=>(const ResourceId&) const = default;
};

}  // namespace fairlead
