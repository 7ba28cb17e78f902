#include "agent/resource.h"

#include "absl/strings/str_cat.h"
#include "base/first_few.h"

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

std::string NameOf(const ResourceError& error) {
  std::string name = absl::StrCat(KindName(error.id.kind), error.id.name.empty() ? "" : " ", error.id.name);
  if (!error.policies.empty()) absl::StrAppend(&name, " (of ", FirstFew(error.policies), ")");
  return name;
}

}  // namespace fairlead::agent
