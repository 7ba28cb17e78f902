#include <map>

#include "absl/strings/str_cat.h"
#include "controller/model/cluster.h"

namespace fairlead::controller {
namespace {

// The range among `taken` that overlaps `cidr`, with its node. Ranges in `taken` do not overlap each
// other, so only neighbours in order can.
const std::pair<const IpPrefix, std::string>* Overlapping(const std::map<IpPrefix, std::string>& taken,
                                                          const IpPrefix& cidr) {
  auto next = taken.lower_bound(cidr);
  if (next != taken.end() && cidr.Contains(next->first)) return &*next;
  if (next != taken.begin()) {
    --next;
    if (next->first.Contains(cidr) || cidr.Contains(next->first)) return &*next;
  }
  return nullptr;
}

}  // namespace

void ResolveNodes(const std::map<ObjectKey, Object>& objects, Cluster* cluster) {
  std::map<IpPrefix, std::string> taken;
  std::map<IpAddress, std::string> addresses;
  for (const auto& [key, object] : objects) {
    const auto* node = std::get_if<NodeObject>(&object.body);
    if (node == nullptr) continue;
    std::string problem;
    for (const IpPrefix& cidr : node->pod_cidrs) {
      if (const auto* other = Overlapping(taken, cidr)) {
        problem = absl::StrCat("spec.podCIDRs: ", cidr.ToString(), " overlaps ", other->first.ToString(),
                               " of Node ", other->second, "; ranges of nodes must not overlap");
      }
    }
    for (const IpAddress& address : node->addresses) {
      auto other = addresses.find(address);
      if (other != addresses.end() && other->second != key.name) {
        problem = absl::StrCat("status.addresses: ", address.ToString(), " is an address of Node ",
                               other->second, " too");
      }
    }
    if (!problem.empty()) {
      cluster->rejections.push_back({key.ToString(), object.where, problem});
      continue;
    }
    for (const IpPrefix& cidr : node->pod_cidrs) taken.emplace(cidr, key.name);
    for (const IpAddress& address : node->addresses) addresses.emplace(address, key.name);
    cluster->nodes.emplace(key.name, *node);
  }
}

}  // namespace fairlead::controller
