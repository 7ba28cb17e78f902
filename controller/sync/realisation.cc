#include "controller/sync/realisation.h"

#include <algorithm>
#include <optional>
#include <set>
#include <variant>

#include "absl/strings/str_cat.h"
#include "policy/policies_of.h"

namespace fairlead::controller {
namespace {

using State = NodeRealisation::State;

// Sets with rules of the policy, and the groups that these mention.
std::set<ResourceId> PolicyResources(const Store& store, const std::string& node, const std::string& policy) {
  std::set<ResourceId> ids;
  store.ForEachOwn(node, [&](const ResourcePtr& resource) {
    const auto* set = std::get_if<policy::PolicySet>(&resource->body);
    if (set == nullptr) return;
    const std::vector<std::string> policies = policy::PoliciesOf(*set);
    if (!std::binary_search(policies.begin(), policies.end(), policy)) return;
    ids.insert(resource->id);
    for (const policy::Rule& rule : set->rules) {
      for (const std::string& group : rule.peers) ids.insert({ResourceKind::kAddressGroup, group});
    }
  });
  return ids;
}

// What of `changing` bears on the object. Pods that come under a policy, or leave it, are endpoints of its
// namespace that change; which policies they had is no longer known here, so all of the namespace count.
std::set<ResourceId> Concerned(const ObjectKey& object, const std::set<ResourceId>& own,
                               const std::set<ResourceId>& changing, const Store& store,
                               const std::string& node) {
  std::set<ResourceId> found;
  for (const ResourceId& id : changing) {
    bool concerned = own.count(id) > 0;
    if (object.kind == "NetworkPolicy" && id.kind == ResourceKind::kEndpoint) {
      const ResourcePtr resource = store.Find(node, id);
      concerned =
          resource != nullptr && std::get<Endpoint>(resource->body).namespace_name == object.namespace_name;
    }
    if (concerned) found.insert(id);
  }
  return found;
}

std::optional<NodeRealisation> OnNode(const ObjectKey& object, const Store& store, const Hub& hub,
                                      const std::string& node) {
  const std::string name = absl::StrCat(object.namespace_name, "/", object.name);
  const bool policy = object.kind == "NetworkPolicy";
  const std::set<ResourceId> own =
      policy ? PolicyResources(store, node, name) : std::set<ResourceId>{{ResourceKind::kService, name}};
  const AgentProgress agent = hub.ProgressOf(node);
  const std::set<ResourceId> late = Concerned(object, own, agent.outstanding, store, node);
  if (policy && own.empty() && late.empty()) return std::nullopt;
  if (!agent.connected)
    return NodeRealisation{node, State::kNotConnected, "its agent is not connected to this controller"};
  if (!agent.told) return NodeRealisation{node, State::kLate, "its agent is being told everything"};
  for (const ResourceError& error : agent.refused) {
    if (own.count(error.id) > 0) return NodeRealisation{node, State::kRefused, error.message};
  }
  if (!late.empty())
    return NodeRealisation{node, State::kLate, absl::StrCat(late.size(), " of its parts are on their way")};
  return NodeRealisation{node, State::kRealised, ""};
}

}  // namespace

std::vector<NodeRealisation> RealisationOf(const ObjectKey& object, const Store& store, const Hub& hub) {
  std::vector<NodeRealisation> nodes;
  for (const auto& [name, node] : store.cluster().nodes) {
    if (auto realisation = OnNode(object, store, hub, name)) nodes.push_back(*std::move(realisation));
  }
  return nodes;
}

}  // namespace fairlead::controller
