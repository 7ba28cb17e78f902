#include "agent/resource.h"

namespace fairlead::agent {

const char* KindName(ResourceKind kind) {
  switch (kind) {
    case ResourceKind::kNodeConfig:
      return "NodeConfig";
    case ResourceKind::kNode:
      return "Node";
    case ResourceKind::kEndpoint:
      return "Endpoint";
    case ResourceKind::kAddressGroup:
      return "AddressGroup";
    case ResourceKind::kPolicySet:
      return "PolicySet";
    case ResourceKind::kService:
      return "Service";
    case ResourceKind::kNone:
      break;
  }
  return "push";
}

}  // namespace fairlead::agent
