#include "controller/status/realisations.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "policy/policies_of.h"

namespace fairlead::controller {
namespace {

using State = NodeRealisation::State;
using Names = std::set<std::string>;

Names PoliciesOn(const Store& store, const std::string& node) {
  Names names;
  store.ForEachOwn(node, [&](const ResourcePtr& resource) {
    const auto* set = std::get_if<policy::PolicySet>(&resource->body);
    if (set == nullptr) return;
    for (std::string& name : policy::PoliciesOf(*set)) names.insert(std::move(name));
  });
  return names;
}

// Which policies the sets and groups of a node are made of.
std::map<ResourceId, Names> PoliciesBehind(const Store& store, const std::string& node) {
  std::map<ResourceId, Names> behind;
  store.ForEachOwn(node, [&](const ResourcePtr& resource) {
    const auto* set = std::get_if<policy::PolicySet>(&resource->body);
    if (set == nullptr) return;
    const std::vector<std::string> names = policy::PoliciesOf(*set);
    behind[resource->id].insert(names.begin(), names.end());
    for (const policy::Rule& rule : set->rules) {
      for (const std::string& group : rule.peers)
        behind[{ResourceKind::kAddressGroup, group}].insert(names.begin(), names.end());
    }
  });
  return behind;
}

// What one node lacks, by the object's "namespace/name".
struct Lacks {
  std::map<std::string, NodeRealisation> policies, services;
};

void Put(std::map<std::string, NodeRealisation>* lacks, const std::string& name, NodeRealisation what) {
  NodeRealisation& place = lacks->emplace(name, what).first->second;
  if (what.state == State::kRefused) place = std::move(what);
}

class Judgement {
 public:
  Judgement(const Store& store, const ClusterProgress& progress) : store_(store), progress_(progress) {
    for (const auto& [name, policy] : store.cluster().policies)
      policies_of_namespace_[policy.namespace_name].insert(name);
  }

  void JudgeNode(const std::string& node, const Names* at_the_beginning) {
    const auto found = progress_.find(node);
    const AgentProgress agent = found == progress_.end() ? AgentProgress{} : found->second;
    const Names policies = PoliciesOn(store_, node);
    ++nodes_;
    if (!agent.connected || !agent.told) {
      const NodeRealisation what =
          agent.connected ? NodeRealisation{node, State::kLate, "its agent is being told everything"}
                          : NodeRealisation{node, State::kNotConnected,
                                            "its agent is connected to no controller that answers"};
      late_nodes_.push_back(what);
      for (const std::string& name : policies) Add(&policies_, name, &what);
      return;
    }
    Lacks lacks = LacksOf(node, agent);
    for (const std::string& name : policies) {
      if (at_the_beginning == nullptr || at_the_beginning->count(name) == 0)
        Put(&lacks.policies, name, {node, State::kLate, "its agent is about to be told"});
    }
    for (const std::string& name : policies) {
      if (lacks.policies.count(name) == 0) Add(&policies_, name, nullptr);
    }
    for (const auto& [name, what] : lacks.policies) Add(&policies_, name, &what);
    for (const auto& [name, what] : lacks.services) Add(&services_, name, &what);
  }

  void FillPolicy(const std::string& name, ObjectRealisation* to) const {
    const auto found = policies_.find(name);
    if (found == policies_.end()) return;
    to->nodes = found->second.nodes;
    to->realised = to->nodes - found->second.late.size();
    KeepFirst(found->second.late, to);
  }
  // A Service concerns every node; what a node lacks as a whole is noted once for all of them.
  void FillService(const std::string& name, ObjectRealisation* to) const {
    const auto found = services_.find(name);
    std::vector<NodeRealisation> late = late_nodes_;
    if (found != services_.end())
      late.insert(late.end(), found->second.late.begin(), found->second.late.end());
    to->nodes = nodes_;
    to->realised = nodes_ - late.size();
    KeepFirst(std::move(late), to);
  }

 private:
  struct Count {
    size_t nodes = 0;
    std::vector<NodeRealisation> late;
  };

  static void Add(std::map<std::string, Count>* counts, const std::string& name,
                  const NodeRealisation* late) {
    Count& count = (*counts)[name];
    ++count.nodes;
    if (late != nullptr) count.late.push_back(*late);
  }
  static void KeepFirst(std::vector<NodeRealisation> late, ObjectRealisation* to) {
    std::sort(late.begin(), late.end(), [](const auto& a, const auto& b) { return a.node < b.node; });
    late.resize(std::min(late.size(), ObjectRealisation::kMaxLate));
    to->late = std::move(late);
  }

  // Pods that come under a policy, or leave it, are endpoints that change; which policies they had is no
  // longer known, so that all of the namespace count (as in RealisationOf).
  const Names* Concerned(const std::string& node, const ResourceId& id,
                         const std::map<ResourceId, Names>& behind) const {
    if (id.kind == ResourceKind::kEndpoint) {
      const ResourcePtr resource = store_.Find(node, id);
      if (resource == nullptr) return nullptr;
      const auto found = policies_of_namespace_.find(std::get<Endpoint>(resource->body).namespace_name);
      return found == policies_of_namespace_.end() ? nullptr : &found->second;
    }
    const auto found = behind.find(id);
    return found == behind.end() ? nullptr : &found->second;
  }

  Lacks LacksOf(const std::string& node, const AgentProgress& agent) const {
    Lacks lacks;
    if (agent.outstanding.empty() && agent.refused.empty()) return lacks;
    const std::map<ResourceId, Names> behind = PoliciesBehind(store_, node);
    const auto note = [&](const ResourceId& id, const NodeRealisation& what) {
      if (id.kind == ResourceKind::kService) {
        if (store_.Find("", id) != nullptr) Put(&lacks.services, id.name, what);
      } else if (const Names* names = Concerned(node, id, behind)) {
        for (const std::string& name : *names) Put(&lacks.policies, name, what);
      }
    };
    for (const ResourceId& id : agent.outstanding)
      note(id, {node, State::kLate, "some of its parts are on their way"});
    for (const ResourceError& error : agent.refused) note(error.id, {node, State::kRefused, error.message});
    return lacks;
  }

  const Store& store_;
  const ClusterProgress& progress_;
  std::map<std::string, Names> policies_of_namespace_;
  size_t nodes_ = 0;
  std::vector<NodeRealisation> late_nodes_;
  std::map<std::string, Count> policies_,
      services_;  // by "namespace/name"; Services that something is said of
};

// What a Service that nodes are told of is; others have nothing to be in force.
bool IsTold(const ClusterService& service) {
  return !service.object.headless;
}

}  // namespace

RealisationRound::RealisationRound(const Controller& controller) {
  for (const auto& [key, object] : controller.source().objects()) {
    const uint64_t version = object.version.resource_version;
    if (version > 0) seen_[key.kind] = std::max(seen_[key.kind], version);
    if (key.kind == "NetworkPolicy" || key.kind == "Service") versions_[key] = version;
  }
  for (const auto& [name, node] : controller.store().cluster().nodes)
    policies_of_node_[name] = PoliciesOn(controller.store(), name);
}

std::vector<ObjectRealisation> RealisationRound::Judge(const Controller& controller,
                                                       const ClusterProgress& progress) const {
  const Store& store = controller.store();
  Judgement judgement(store, progress);
  for (const auto& [name, node] : store.cluster().nodes) {
    const auto found = policies_of_node_.find(name);
    judgement.JudgeNode(name, found == policies_of_node_.end() ? nullptr : &found->second);
  }
  std::map<std::string, std::string> refused;
  for (const Rejection& rejection : controller.Rejections())
    refused.emplace(rejection.object, rejection.message);

  std::vector<ObjectRealisation> all;
  for (const auto& [key, resource_version] : versions_) {
    const auto object = controller.source().objects().find(key);
    if (object == controller.source().objects().end() ||
        object->second.version.resource_version != resource_version) {
      continue;
    }
    const std::string name = absl::StrCat(key.namespace_name, "/", key.name);
    ObjectRealisation one{.object = key, .version = object->second.version};
    if (const auto why = refused.find(key.ToString()); why != refused.end()) one.refused = why->second;
    if (key.kind == "NetworkPolicy") {
      judgement.FillPolicy(name, &one);
    } else {
      const auto service = store.cluster().services.find(name);
      if (service == store.cluster().services.end() || !IsTold(service->second)) continue;
      judgement.FillService(name, &one);
    }
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace fairlead::controller
