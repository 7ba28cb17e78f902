#include <map>
#include <vector>

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

class NodeResolver {
 public:
  explicit NodeResolver(Cluster* cluster) : cluster_(*cluster) {}

  // "" when it is in, otherwise what it contradicts.
  std::string Take(const std::string& name, const NodeObject& node) {
    for (const IpPrefix& cidr : node.pod_cidrs) {
      if (const auto* other = Overlapping(ranges_, cidr)) {
        return absl::StrCat("spec.podCIDRs: ", cidr.ToString(), " overlaps ", other->first.ToString(),
                            " of Node ", other->second, "; ranges of nodes must not overlap");
      }
    }
    for (const IpAddress& address : node.addresses) {
      auto other = addresses_.find(address);
      if (other != addresses_.end()) {
        return absl::StrCat("status.addresses: ", address.ToString(), " is an address of Node ",
                            other->second, " too");
      }
    }
    for (const IpPrefix& cidr : node.pod_cidrs) ranges_.emplace(cidr, name);
    for (const IpAddress& address : node.addresses) addresses_.emplace(address, name);
    cluster_.nodes.emplace(name, node);
    return "";
  }

 private:
  Cluster& cluster_;
  std::map<IpPrefix, std::string> ranges_;
  std::map<IpAddress, std::string> addresses_;
};

}  // namespace

void ResolveNodes(const Objects& objects, const Cluster* before, Cluster* cluster) {
  NodeResolver resolver(cluster);
  auto last_good = [&](const std::string& name) -> const NodeObject* {
    if (before == nullptr) return nullptr;
    auto node = before->nodes.find(name);
    return node == before->nodes.end() ? nullptr : &node->second;
  };
  std::vector<const Object*> changed;
  for (auto at = objects.lower_bound({"Node", "", ""}); at != objects.end() && at->first.kind == "Node";
       ++at) {
    const auto& [key, object] = *at;
    const auto& node = std::get<NodeObject>(object.body);
    const NodeObject* old = last_good(key.name);
    bool same = old != nullptr && old->pod_cidrs == node.pod_cidrs && old->addresses == node.addresses;
    if (!same || !resolver.Take(key.name, node).empty()) changed.push_back(&object);
  }
  for (const Object* object : changed) {
    std::string problem = resolver.Take(object->key.name, std::get<NodeObject>(object->body));
    if (problem.empty()) continue;
    const NodeObject* old = last_good(object->key.name);
    if (old != nullptr && resolver.Take(object->key.name, *old).empty()) {
      problem += "; the last good version stays in force";
    }
    cluster->node_rejections.push_back({object->key.ToString(), object->where, problem});
  }
}

}  // namespace fairlead::controller
