#include "controller/sync/session.h"

#include <algorithm>
#include <tuple>
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

bool IsToldBefore(const ResourceId& a, const ResourceId& b) {
  return std::forward_as_tuple(Order(a.kind), a) < std::forward_as_tuple(Order(b.kind), b);
}

// Stands for one that is not known any more; no resource has it.
constexpr char kAnotherVersion[] = "another";

size_t Weigh(const Resource& resource) {
  size_t weight = 5;  // what is remembered of it until it is acknowledged
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
                 uint64_t watermark, size_t max_push_weight)
    : store_(store), node_(std::move(node)), max_push_weight_(max_push_weight), newest_watermark_(watermark) {
  std::map<ResourceId, std::string> versions;
  for (const HeldResource& resource : held) {
    if (store_->Find(node_, resource.id) == nullptr) {
      differing_[resource.id].version = resource.version;
      pending_.insert(resource.id);
    } else {
      versions[resource.id] = resource.version;
    }
  }
  store_->ForEach(node_, [&](const ResourcePtr& resource) {
    const auto version = versions.find(resource->id);
    const bool holds_one = version != versions.end();
    if (!holds_one || version->second != resource->version) unheld_.push_back({resource, holds_one});
  });
  std::sort(unheld_.begin(), unheld_.end(),
            [](const Unheld& a, const Unheld& b) { return IsToldBefore(a.resource->id, b.resource->id); });
}

void Session::AddPending(const ResourceId& id) {
  ResourcePtr now = store_->Find(node_, id);
  auto refused = refused_.find(id);
  if (refused != refused_.end()) {
    if (refused->second.version == (now ? now->version : "")) return;
    refused_.erase(refused);
    // Told even if the agent never held it, or holds just this: it shows what it has refused until it hears
    // of it.
    differing_[id].to_be_told_anyway = true;
  }
  pending_.insert(id);
}

void Session::OnChange(const ResourceId& id, const ResourcePtr& before) {
  Unheld* unheld = FindUnheld(id);
  if (unheld != nullptr && !unheld->is_changed) {
    unheld->is_changed = true;
    differing_.try_emplace(id, Held{unheld->holds_another ? kAnotherVersion : "", nullptr});
  } else {
    differing_.try_emplace(id, Held{before ? before->version : "", before});
  }
  AddPending(id);
}

Session::Unheld* Session::FindUnheld(const ResourceId& id) {
  const auto found = std::lower_bound(unheld_.begin(), unheld_.end(), id,
                                      [](const Unheld& unheld, const ResourceId& wanted) {
                                        return IsToldBefore(unheld.resource->id, wanted);
                                      });
  return found == unheld_.end() || found->resource->id != id ? nullptr : &*found;
}

void Session::OnChanges(const Changes& changes) {
  for (const auto& [id, before] : changes.everywhere) OnChange(id, before);
  auto own = changes.nodes.find(node_);
  if (own == changes.nodes.end()) return;
  for (const auto& [id, before] : own->second) OnChange(id, before);
}

void Session::AddToPush(const ResourceId& id, Push* push, InFlight* flight) {
  const ResourcePtr now = store_->Find(node_, id);
  const Held& held = differing_.at(id);
  // Changed and changed back; or came and went unseen.
  if (held.version == (now ? now->version : "") && !held.to_be_told_anyway) {
    differing_.erase(id);
    return;
  }
  flight->sent[id] = now;
  if (now == nullptr) {
    push->removals.push_back(id);
    return;
  }
  Upsert upsert{now, nullptr};
  if (held.resource != nullptr && held.version != now->version)
    upsert.delta = SharedDelta(*held.resource, *now);
  if (upsert.delta) flight->as_delta.insert(id);
  push->upserts.push_back(std::move(upsert));
}

void Session::AddUnheld(Push* push, InFlight* flight) {
  const Unheld unheld = std::move(unheld_.front());
  unheld_.pop_front();
  if (unheld.is_changed) return;
  const ResourceId& id = unheld.resource->id;
  differing_[id].version = unheld.holds_another ? kAnotherVersion : "";
  flight->sent[id] = unheld.resource;
  push->upserts.push_back({unheld.resource, nullptr});
}

std::vector<ResourceId> Session::PendingInOrder() const {
  std::vector<ResourceId> ids(pending_.begin(), pending_.end());
  std::stable_sort(ids.begin(), ids.end(),
                   [](const ResourceId& a, const ResourceId& b) { return Order(a.kind) < Order(b.kind); });
  // Removals go last, with what refers to others first: the reverse order.
  const auto first_removal = std::stable_partition(
      ids.begin(), ids.end(), [&](const ResourceId& id) { return store_->Find(node_, id) != nullptr; });
  std::reverse(first_removal, ids.end());
  return ids;
}

std::optional<Push> Session::NextPush(uint64_t watermark) {
  if (in_flight_ || watermark < newest_watermark_) return std::nullopt;
  if (nothing_to_say() && announced_complete_) return std::nullopt;

  Push push;
  InFlight flight;
  const std::vector<ResourceId> ids = PendingInOrder();
  auto next = ids.begin();
  for (size_t weight = 0; weight < max_push_weight_ && !nothing_to_say();) {
    const size_t before = flight.sent.size();
    const size_t upserts = push.upserts.size();
    const bool comes_first = next != ids.end() && store_->Find(node_, *next) != nullptr && !unheld_.empty() &&
                             Order(next->kind) < Order(unheld_.front().resource->id.kind);
    if (unheld_.empty() || comes_first) {
      pending_.erase(*next);
      AddToPush(*next++, &push, &flight);
    } else {
      AddUnheld(&push, &flight);
    }
    if (flight.sent.size() == before) continue;  // there was nothing to say of it
    const bool is_whole = push.upserts.size() > upserts && !push.upserts.back().delta;
    weight += is_whole ? Weigh(*push.upserts.back().resource) : 1;
  }
  push.complete = announced_complete_ || nothing_to_say();
  if (flight.sent.empty() && announced_complete_) return std::nullopt;

  push.nonce = flight.nonce = ++last_nonce_;
  push.watermark = flight.watermark = watermark;
  flight.complete = push.complete;
  flight.last_piece = nothing_to_say();
  announced_complete_ = push.complete;
  in_flight_ = std::move(flight);
  return push;
}

absl::Status Session::OnAck(uint64_t nonce) {
  if (!in_flight_ || in_flight_->nonce != nonce) {
    return absl::InvalidArgumentError(absl::StrCat("Ack of nonce ", nonce, ", which is not on its way"));
  }
  for (const auto& [id, resource] : in_flight_->sent) {
    if (pending_.count(id) == 0) {
      differing_.erase(id);
    } else {
      differing_[id] = {resource ? resource->version : "", resource};
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
      differing_.at(id).resource = nullptr;  // whole, next time
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
  for (const Unheld& unheld : unheld_) all.insert(unheld.resource->id);
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
