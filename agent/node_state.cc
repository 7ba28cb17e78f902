#include "agent/node_state.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/resource_delta.h"
#include "base/status_macros.h"
#include "policy/content_hash.h"

namespace fairlead::agent {
namespace {

template <typename T>
Body FindIn(const std::map<std::string, T>& held, const std::string& name) {
  auto found = held.find(name);
  return found == held.end() ? Body(Removed{}) : Body(found->second);
}

template <typename T>
void PutInto(std::map<std::string, T>& held, const std::string& name, Body body) {
  if (auto* value = std::get_if<T>(&body)) {
    held.insert_or_assign(name, std::move(*value));
  } else {
    held.erase(name);
  }
}

std::array<uint64_t, 2> HashOf(const ResourceId& id, const std::string& version) {
  const std::string hex =
      policy::ContentHash().Add(static_cast<uint64_t>(id.kind)).Add(id.name).Add(version).Hex();
  std::array<uint64_t, 2> hash{};
  for (size_t i = 0; i < hash.size(); ++i) {
    std::from_chars(hex.data() + 16 * i, hex.data() + 16 * (i + 1), hash[i], 16);
  }
  return hash;
}

absl::Status Missing(const std::string& who, const std::string& what, const std::string& name) {
  return absl::FailedPreconditionError(absl::StrCat(
      who, "mentions ", what, " ", name, ", which this agent does not hold (it was refused, or never sent)"));
}

}  // namespace

Body NodeState::Find(const ResourceId& id) const {
  switch (id.kind) {
    case ResourceKind::kNodeConfig:
      if (!config_held_) return Removed{};
      return desired_.settings;
    case ResourceKind::kNode:
      if (id.name != node_) return FindIn(desired_.nodes, id.name);
      return own_node_ ? Body(*own_node_) : Body(Removed{});
    case ResourceKind::kEndpoint:
      return FindIn(pods_, id.name);
    case ResourceKind::kAddressGroup:
      return FindIn(desired_.groups, id.name);
    case ResourceKind::kPolicySet:
      return FindIn(desired_.sets, id.name);
    case ResourceKind::kService:
      return FindIn(desired_.services, id.name);
    case ResourceKind::kNone:
      break;
  }
  return Removed{};
}

void NodeState::Put(const ResourceId& id, const std::string& version, Body body) {
  const bool removed = std::holds_alternative<Removed>(body);
  switch (id.kind) {
    case ResourceKind::kNodeConfig:
      config_held_ = !removed;
      desired_.settings =
          removed ? datapath::NodeSettings{} : std::get<datapath::NodeSettings>(std::move(body));
      desired_.settings.node_addresses = own_node_ ? own_node_->addresses : std::vector<IpAddress>{};
      break;
    case ResourceKind::kNode:
      if (id.name != node_) {
        PutInto(desired_.nodes, id.name, std::move(body));
      } else {
        own_node_.reset();
        if (!removed) own_node_ = std::get<datapath::RemoteNode>(std::move(body));
        desired_.settings.node_addresses = own_node_ ? own_node_->addresses : std::vector<IpAddress>{};
      }
      break;
    case ResourceKind::kEndpoint:
      if (auto old = pods_.find(id.name); old != pods_.end()) {
        auto name = uid_by_name_.find({old->second.namespace_name, old->second.name});
        if (name != uid_by_name_.end() && name->second == id.name) uid_by_name_.erase(name);
      }
      if (auto* pod = std::get_if<PodPolicy>(&body)) uid_by_name_[{pod->namespace_name, pod->name}] = id.name;
      PutInto(pods_, id.name, std::move(body));
      break;
    case ResourceKind::kAddressGroup:
      PutInto(desired_.groups, id.name, std::move(body));
      break;
    case ResourceKind::kPolicySet:
      PutInto(desired_.sets, id.name, std::move(body));
      break;
    case ResourceKind::kService:
      PutInto(desired_.services, id.name, std::move(body));
      break;
    case ResourceKind::kNone:
      return;
  }
  SetVersion(id, removed ? nullptr : &version);
}

void NodeState::SetVersion(const ResourceId& id, const std::string* version) {
  const auto toggle = [&](const std::string& known) {
    const std::array<uint64_t, 2> hash = HashOf(id, known);
    for (size_t i = 0; i < hash.size(); ++i) digest_[i] ^= hash[i];
  };
  if (auto held = versions_.find(id); held != versions_.end()) {
    toggle(held->second);
    versions_.erase(held);
  }
  if (version == nullptr) return;
  toggle(*version);
  versions_.emplace(id, *version);
}

std::string NodeState::Digest() const {
  return absl::StrCat(absl::Hex(digest_[0], absl::kZeroPad16), absl::Hex(digest_[1], absl::kZeroPad16));
}

absl::Status NodeState::StageOne(Change change) {
  auto held = versions_.find(change.id);
  const std::string held_version = held == versions_.end() ? "" : held->second;
  Undo undo{change.id, held_version, Find(change.id)};
  if (const auto* delta = std::get_if<AddressGroupDelta>(&change.body)) {
    RETURN_IF_ERROR(CheckBase(delta->base_version, held_version));
    ASSIGN_OR_RETURN(change.body, Patched(std::get<policy::AddressGroup>(undo.body), *delta));
  } else if (const auto* delta = std::get_if<ServiceDelta>(&change.body)) {
    RETURN_IF_ERROR(CheckBase(delta->base_version, held_version));
    ASSIGN_OR_RETURN(change.body, Patched(std::get<datapath::Service>(undo.body), *delta));
  } else if (change.id.kind == ResourceKind::kNodeConfig) {
    if (change.id.name != node_) {
      return absl::InvalidArgumentError(
          absl::StrCat("is for node ", change.id.name, ", this is the agent of node ", node_));
    }
    if (std::holds_alternative<Removed>(change.body)) {
      return absl::InvalidArgumentError("a node cannot be without its NodeConfig");
    }
  }
  undo_.push_back(std::move(undo));
  Put(change.id, change.version, std::move(change.body));
  return absl::OkStatus();
}

absl::Status NodeState::CheckReferences(const ResourceId& id) const {
  if (id.kind == ResourceKind::kEndpoint) {
    const PodPolicy& pod = pods_.at(id.name);
    for (auto [set, direction] : {std::pair(&pod.ingress_set, policy::Direction::kIngress),
                                  std::pair(&pod.egress_set, policy::Direction::kEgress)}) {
      if (set->empty()) continue;
      auto found = desired_.sets.find(*set);
      if (found == desired_.sets.end()) {
        return Missing(absl::StrCat("pod ", pod.namespace_name, "/", pod.name, " "), "PolicySet", *set);
      }
      if (found->second.direction != direction) {
        return absl::InvalidArgumentError(
            absl::StrCat("mentions PolicySet ", *set, ", of the other direction"));
      }
    }
  } else if (id.kind == ResourceKind::kPolicySet) {
    for (const policy::Rule& rule : desired_.sets.at(id.name).rules) {
      if (rule.any_peer) continue;
      for (const std::string& group : rule.peers) {
        if (!desired_.groups.contains(group)) return Missing("", "AddressGroup", group);
      }
    }
  }
  return absl::OkStatus();
}

absl::Status NodeState::CheckUnused(const ResourceId& id) const {
  if (id.kind == ResourceKind::kPolicySet) {
    for (const auto& [uid, pod] : pods_) {
      if (pod.ingress_set != id.name && pod.egress_set != id.name) continue;
      return absl::FailedPreconditionError(
          absl::StrCat("cannot be removed: Endpoint ", pod.namespace_name, "/", pod.name, " mentions it"));
    }
  } else if (id.kind == ResourceKind::kAddressGroup) {
    for (const auto& [name, set] : desired_.sets) {
      for (const policy::Rule& rule : set.rules) {
        if (rule.any_peer || std::find(rule.peers.begin(), rule.peers.end(), id.name) == rule.peers.end())
          continue;
        return absl::FailedPreconditionError(
            absl::StrCat("cannot be removed: PolicySet ", name, " mentions it"));
      }
    }
  }
  return absl::OkStatus();
}

std::vector<ResourceError> NodeState::Stage(std::vector<Change> changes) {
  undo_.clear();
  std::vector<ResourceError> errors;
  for (Change& change : changes) {
    const ResourceId id = change.id;
    absl::Status status = StageOne(std::move(change));
    if (!status.ok()) errors.push_back({id, std::string(status.message())});
  }
  for (const Undo& undo : undo_) {
    const bool held = versions_.contains(undo.id);
    absl::Status status = held ? CheckReferences(undo.id) : CheckUnused(undo.id);
    if (!status.ok()) errors.push_back({undo.id, std::string(status.message())});
  }
  if (!errors.empty()) Rollback();
  return errors;
}

void NodeState::Rollback() {
  for (auto undo = undo_.rbegin(); undo != undo_.rend(); ++undo) {
    Put(undo->id, undo->version, std::move(undo->body));
  }
  undo_.clear();
}

std::set<std::string> NodeState::SetEndpoints(std::map<std::string, datapath::LocalEndpoint> endpoints) {
  std::set<std::string> changed;
  for (const auto& [key, endpoint] : endpoints) {
    auto held = desired_.endpoints.find(key);
    if (held == desired_.endpoints.end() || held->second != endpoint) changed.insert(key);
  }
  for (const auto& [key, endpoint] : desired_.endpoints) {
    if (!endpoints.contains(key)) changed.insert(key);
  }
  desired_.endpoints = std::move(endpoints);
  return changed;
}

datapath::StateChanges NodeState::PartsOf(const std::vector<ResourceId>& ids) const {
  datapath::StateChanges parts;
  for (const ResourceId& id : ids) {
    switch (id.kind) {
      case ResourceKind::kNodeConfig:
        parts.settings = true;
        break;
      case ResourceKind::kNode:
        if (id.name == node_) {
          parts.settings = true;
        } else {
          parts.nodes.insert(id.name);
        }
        break;
      case ResourceKind::kAddressGroup:
        parts.groups.insert(id.name);
        break;
      case ResourceKind::kPolicySet:
        parts.sets.insert(id.name);
        break;
      case ResourceKind::kService:
        parts.services.insert(id.name);
        break;
      case ResourceKind::kEndpoint:
      case ResourceKind::kNone:
        break;
    }
  }
  return parts;
}

const PodPolicy* NodeState::FindPod(const std::string& uid, const std::string& namespace_name,
                                    const std::string& name) const {
  auto pod = pods_.find(uid);
  if (pod != pods_.end()) return &pod->second;
  auto named = uid_by_name_.find({namespace_name, name});
  return named == uid_by_name_.end() ? nullptr : &pods_.at(named->second);
}

}  // namespace fairlead::agent
