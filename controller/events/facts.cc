#include "controller/events/facts.h"

#include <algorithm>
#include <map>
#include <set>
#include <variant>

#include "absl/strings/str_cat.h"
#include "policy/policies_of.h"

namespace fairlead::controller {
namespace {

// Of "NetworkPolicy shop/allow-cart" or "Node worker-1", as rejections name their objects.
ObjectKey KeyOf(const std::string& text) {
  const size_t space = text.find(' ');
  if (space == std::string::npos) return {};
  const std::string kind = text.substr(0, space), rest = text.substr(space + 1);
  const size_t slash = rest.find('/');
  if (slash == std::string::npos) return {kind, "", rest};
  return {kind, rest.substr(0, slash), rest.substr(slash + 1)};
}

ObjectKey Named(const char* kind, const std::string& full_name) {
  return KeyOf(absl::StrCat(kind, " ", full_name));
}

// The objects that a resource of a node comes from.
std::vector<ObjectKey> ObjectsBehind(const Store& store, const std::string& node, const ResourceId& id) {
  if (id.kind == ResourceKind::kService) return {Named("Service", id.name)};
  std::set<ObjectKey> policies;
  store.ForEachOwn(node, [&](const ResourcePtr& resource) {
    const auto* set = std::get_if<policy::PolicySet>(&resource->body);
    if (set == nullptr) return;
    const bool mentioned = std::any_of(set->rules.begin(), set->rules.end(), [&](const policy::Rule& rule) {
      return std::count(rule.peers.begin(), rule.peers.end(), id.name) > 0;
    });
    if (resource->id != id && (id.kind != ResourceKind::kAddressGroup || !mentioned)) return;
    for (const std::string& name : policy::PoliciesOf(*set)) policies.insert(Named("NetworkPolicy", name));
  });
  return {policies.begin(), policies.end()};
}

// One fact for an object, however many nodes cannot hold it.
void AddUnheld(const Controller& controller, std::vector<EventFact>* facts) {
  struct Unheld {
    std::string node, message;
    std::set<std::string> nodes;
  };
  std::map<ObjectKey, Unheld> unheld;
  for (const AgentStatus& agent : controller.hub().Agents()) {
    for (const ResourceError& error : agent.errors) {
      for (const ObjectKey& object : ObjectsBehind(controller.store(), agent.node, error.id)) {
        Unheld& place = unheld[object];
        if (place.nodes.empty()) place.node = agent.node, place.message = error.message;
        place.nodes.insert(agent.node);
      }
    }
  }
  for (const auto& [object, what] : unheld) {
    const size_t others = what.nodes.size() - 1;
    facts->push_back(
        {object, "NotProgrammed",
         absl::StrCat("node ", what.node, others == 0 ? "" : absl::StrCat(" and ", others, " more"),
                      " cannot hold its newest version: ", what.message)});
  }
}

bool HasEndpoints(const Service& service) {
  return std::any_of(service.ports.begin(), service.ports.end(), [](const ServicePort& port) {
    return std::any_of(port.backends.begin(), port.backends.end(),
                       [](const Backend& backend) { return !backend.terminating; });
  });
}

void AddUnserved(const Store& store, std::vector<EventFact>* facts) {
  for (const auto& [name, service] : store.cluster().services) {
    if (service.object.headless) continue;  // DNS says nothing then, and nobody is refused
    const ResourcePtr resource = store.Find("", {ResourceKind::kService, name});
    if (resource == nullptr || HasEndpoints(std::get<Service>(resource->body))) continue;
    facts->push_back({{"Service", service.namespace_name, service.name},
                      "NoEndpoints",
                      "no endpoint is ready: connections to it are refused at once",
                      kEndpointPatienceNs});
  }
}

}  // namespace

const EventKind* EventKindOf(const std::string& kind) {
  for (const EventKind& known : kEventKinds) {
    if (kind == known.kind) return &known;
  }
  return nullptr;
}

std::vector<EventFact> FactsOf(const Controller& controller) {
  std::vector<EventFact> facts;
  for (const Rejection& rejection : controller.Rejections())
    facts.push_back({KeyOf(rejection.object), "Refused", rejection.message});
  for (const Rejection& remark : controller.Remarks())
    facts.push_back({KeyOf(remark.object), "NotServed", remark.message});
  for (const auto& [name, set] : controller.store().oversized_sets()) {
    for (const std::string& policy : set.policies) {
      facts.push_back(
          {Named("NetworkPolicy", policy), "TooManyRules",
           absl::StrCat("with the other policies of a pod it makes ", set.rules, " rules, at most ",
                        policy::kMaxRulesPerSet, " fit: the pod keeps the rules that it has")});
    }
  }
  AddUnheld(controller, &facts);
  AddUnserved(controller.store(), &facts);
  std::erase_if(facts, [](const EventFact& fact) { return EventKindOf(fact.object.kind) == nullptr; });
  std::sort(facts.begin(), facts.end());
  facts.erase(std::unique(facts.begin(), facts.end()), facts.end());
  return facts;
}

}  // namespace fairlead::controller
