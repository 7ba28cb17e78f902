#include "controller/sync/session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace fairlead::controller {
namespace {

// What others refer to goes first: groups, then sets, then endpoints. A push that is cut off
// between two of them leaves nothing that names what is not there.
int Order(ResourceKind kind) {
  switch (kind) {
    case ResourceKind::kNodeConfig:
      return 0;
    case ResourceKind::kNode:
      return 1;
    case ResourceKind::kAddressGroup:
      return 2;
    case ResourceKind::kPolicySet:
      return 3;
    case ResourceKind::kEndpoint:
      return 4;
    case ResourceKind::kService:
      return 5;
    case ResourceKind::kNone:
      break;
  }
  return 6;
}

size_t Weigh(const Resource& resource) {
  size_t weight = 1;
  if (const auto* group = std::get_if<policy::AddressGroup>(&resource.body)) {
    weight += group->members.size() + group->exceptions.size();
  } else if (const auto* set = std::get_if<policy::PolicySet>(&resource.body)) {
    for (const policy::Rule& rule : set->rules) weight += 2 + rule.peers.size() + rule.ports.size();
  } else if (const auto* service = std::get_if<Service>(&resource.body)) {
    for (const ServicePort& port : service->ports) weight += 1 + port.backends.size();
  }
  return weight;
}

}  // namespace

Session::Session(const Store* store, std::string node, const std::vector<HeldResource>& held,
                 uint64_t watermark)
    : store_(store), node_(std::move(node)), newest_watermark_(watermark) {
  for (const HeldResource& resource : held) {
    ResourcePtr current = store_->Find(node_, resource.id);
    if (current == nullptr || current->version != resource.version) {
      pending_.insert(resource.id);
      current = nullptr;
    }
    held_[resource.id] = {resource.version, current};
  }
  store_->ForEach(node_, [&](const ResourcePtr& resource) {
    if (held_.count(resource->id) == 0) pending_.insert(resource->id);
  });
}

void Session::AddPending(const ResourceId& id) {
  ResourcePtr now = store_->Find(node_, id);
  auto refused = refused_.find(id);
  if (refused != refused_.end()) {
    if (refused->second.version == (now ? now->version : "")) return;
    refused_.erase(refused);
    // Told even if the agent never held it, or holds just this: it shows what it has refused until it hears
    // of it.
    auto held = held_.find(id);
    if (now == nullptr) {
      held_.try_emplace(id);
    } else if (held != held_.end() && held->second.version == now->version) {
      held->second = {};
    }
  }
  pending_.insert(id);
}

void Session::OnChanges(const Changes& changes) {
  for (const ResourceId& id : changes.everywhere) AddPending(id);
  auto own = changes.nodes.find(node_);
  if (own == changes.nodes.end()) return;
  for (const ResourceId& id : own->second) AddPending(id);
}

void Session::AddToPush(const ResourceId& id, Push* push, InFlight* flight) {
  ResourcePtr now = store_->Find(node_, id);
  auto held = held_.find(id);
  if (now == nullptr) {
    if (held == held_.end()) return;  // came and went unseen
    push->removals.push_back(id);
    flight->sent[id] = nullptr;
    return;
  }
  if (held != held_.end() && held->second.version == now->version) return;  // changed and changed back
  Upsert upsert{now, std::nullopt};
  if (held != held_.end() && held->second.resource && whole_next_.count(id) == 0) {
    upsert.delta = DeltaBetween(*held->second.resource, *now);
  }
  if (upsert.delta) flight->as_delta.insert(id);
  push->upserts.push_back(std::move(upsert));
  flight->sent[id] = now;
}

std::optional<Push> Session::NextPush(uint64_t watermark) {
  if (in_flight_ || watermark < newest_watermark_) return std::nullopt;
  if (pending_.empty() && announced_complete_) return std::nullopt;

  std::vector<ResourceId> ids(pending_.begin(), pending_.end());
  std::stable_sort(ids.begin(), ids.end(),
                   [](const ResourceId& a, const ResourceId& b) { return Order(a.kind) < Order(b.kind); });
  // Removals go last, with what refers to others first: the reverse order.
  std::stable_partition(ids.begin(), ids.end(),
                        [&](const ResourceId& id) { return store_->Find(node_, id) != nullptr; });
  auto first_removal = std::find_if(ids.begin(), ids.end(),
                                    [&](const ResourceId& id) { return store_->Find(node_, id) == nullptr; });
  std::reverse(first_removal, ids.end());

  Push push;
  InFlight flight;
  size_t weight = 0;
  for (const ResourceId& id : ids) {
    if (weight >= kMaxPushWeight) break;
    AddToPush(id, &push, &flight);
    if (!push.upserts.empty() && push.upserts.back().resource->id == id && !push.upserts.back().delta) {
      weight += Weigh(*push.upserts.back().resource);
    } else {
      ++weight;
    }
    pending_.erase(id);
  }
  push.complete = announced_complete_ || pending_.empty();
  if (flight.sent.empty() && announced_complete_) return std::nullopt;

  push.nonce = flight.nonce = ++last_nonce_;
  push.watermark = flight.watermark = watermark;
  flight.complete = push.complete;
  flight.last_piece = pending_.empty();
  announced_complete_ = push.complete;
  in_flight_ = std::move(flight);
  return push;
}

absl::Status Session::OnAck(uint64_t nonce) {
  if (!in_flight_ || in_flight_->nonce != nonce) {
    return absl::InvalidArgumentError(absl::StrCat("Ack of nonce ", nonce, ", which is not on its way"));
  }
  for (auto& [id, resource] : in_flight_->sent) {
    whole_next_.erase(id);
    if (resource == nullptr) {
      held_.erase(id);
    } else {
      held_[id] = {resource->version, resource};
    }
  }
  newest_watermark_ = std::max(newest_watermark_, in_flight_->watermark);
  if (in_flight_->last_piece) acked_watermark_ = newest_watermark_;
  complete_acked_ = complete_acked_ || in_flight_->complete;
  if (!in_flight_->sent.empty()) RetryRemovals();
  in_flight_.reset();
  return absl::OkStatus();
}

void Session::RetryRemovals() {
  std::erase_if(refused_, [&](const auto& refused) {
    const auto& [id, why] = refused;
    if (!why.version.empty()) return false;
    pending_.insert(id);
    return true;
  });
}

absl::Status Session::OnNack(uint64_t nonce, const std::vector<ResourceError>& errors) {
  if (!in_flight_ || in_flight_->nonce != nonce) {
    return absl::InvalidArgumentError(absl::StrCat("Nack of nonce ", nonce, ", which is not on its way"));
  }
  InFlight flight = std::move(*in_flight_);
  in_flight_.reset();
  // A push that only said "complete" has nothing to be said again.
  announced_complete_ = complete_acked_ || flight.sent.empty();

  std::map<ResourceId, std::string> blamed;
  for (const ResourceError& error : errors) {
    if (flight.sent.count(error.id) > 0) blamed.emplace(error.id, error.message);
  }
  if (blamed.empty()) {
    // The agent blames nothing that was sent: to send it again would go on for ever.
    std::string message = errors.empty() ? "refused without a reason" : errors.front().message;
    for (const auto& [id, resource] : flight.sent) blamed.emplace(id, message);
  }
  for (const auto& [id, resource] : flight.sent) {
    auto blame = blamed.find(id);
    if (blame == blamed.end()) {
      AddPending(id);  // nothing of the push was taken: the good part goes again
    } else if (flight.as_delta.count(id) > 0) {
      whole_next_.insert(id);
      AddPending(id);
    } else {
      refused_[id] = {resource ? resource->version : "", blame->second};
      // What changed while the push was on its way is new to the agent.
      if (pending_.erase(id) > 0) AddPending(id);
    }
  }
  return absl::OkStatus();
}

std::set<ResourceId> Session::Outstanding() const {
  std::set<ResourceId> all = pending_;
  if (!in_flight_) return all;
  for (const auto& [id, resource] : in_flight_->sent) all.insert(id);
  return all;
}

std::vector<ResourceError> Session::errors() const {
  std::vector<ResourceError> errors;
  errors.reserve(refused_.size());
  for (const auto& [id, refused] : refused_) errors.push_back({id, refused.message});
  return errors;
}

}  // namespace fairlead::controller
