#include "datapath/endpoint_table.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace fairlead::datapath {
namespace {

// The entry but for its sets and flags. Pure.
fl_endpoint BuildEntry(const LocalEndpoint& endpoint) {
  fl_endpoint entry{};
  entry.ifindex = endpoint.ifindex;
  std::copy(endpoint.mac.begin(), endpoint.mac.end(), entry.mac);
  std::copy(endpoint.host_mac.begin(), endpoint.host_mac.end(), entry.host_mac);
  for (const IpAddress& address : endpoint.addresses) {
    fl_address& place = address.is_v4() ? entry.v4 : entry.v6;
    if (IsUnspecified(place)) place = ToAbi(address);
  }
  entry.generation = endpoint.generation;
  return entry;
}

std::string Describe(const LocalEndpoint& endpoint) {
  return absl::StrCat("endpoint ", endpoint.key, " (", endpoint.namespace_name, "/", endpoint.pod_name, ")");
}

}  // namespace

EndpointTable::EndpointTable(KernelMaps& kernel, WriteStats& stats, Topology& topology, SetTable& sets,
                             PodLinks& links)
    : kernel_(kernel),
      topology_(topology),
      sets_(sets),
      links_(links),
      entries_(kernel, stats),
      devices_(kernel, stats),
      indexes_(1, kernel.Capacity(MapId::kEndpoint) - 1) {}

absl::Status EndpointTable::Load() {
  RETURN_IF_ERROR(entries_.Load());
  RETURN_IF_ERROR(devices_.Load());
  for (const auto& [index, entry] : entries_.held()) indexes_.Adopt(index);
  // Nobody else may get a number that something still leads to.
  for (const auto& [ifindex, index] : devices_.held()) indexes_.Adopt(index);
  topology_.ForEachPod([&](const fl_address&, uint32_t index) { indexes_.Adopt(index); });
  return absl::OkStatus();
}

void EndpointTable::Publish(const DesiredState& desired, const StateChanges& changes, Failures& failures) {
  Failures ours;
  const auto publish = [&](const LocalEndpoint& endpoint) {
    auto held = held_.find(endpoint.key);
    if (held != held_.end() && held->second.applied == endpoint) return;
    if (absl::Status status = Put(endpoint); !status.ok()) {
      Fail(ours, "Endpoint", endpoint.key, WrapError(status, absl::StrCat("write ", Describe(endpoint))));
    }
  };
  if (changes.all || !settled_ || !desired.complete) {
    settled_ = false;
    for (const auto& [key, endpoint] : desired.endpoints) publish(endpoint);
  } else {
    for (const std::string& key : changes.endpoints) {
      if (auto endpoint = desired.endpoints.find(key); endpoint != desired.endpoints.end()) {
        publish(endpoint->second);
      }
    }
    settled_ = ours.empty();
  }
  failed_ = !ours.empty();
  Add(failures, ours);
  for (auto index = pending_bumps_.begin(); index != pending_bumps_.end();) {
    if (!sets_.BumpEpoch(*index).ok()) break;  // tried again at the next Apply
    index = pending_bumps_.erase(index);
  }
}

absl::StatusOr<uint32_t> EndpointTable::Number(const LocalEndpoint& endpoint) {
  if (auto held = held_.find(endpoint.key); held != held_.end()) return held->second.index;
  // One that a predecessor wrote for the same sandbox.
  if (const uint32_t* index = devices_.Find(endpoint.ifindex)) {
    const fl_endpoint entry = entries_.Get(*index);
    if (At(*index) == nullptr && entry.generation == endpoint.generation &&
        entry.ifindex == endpoint.ifindex) {
      return *index;
    }
  }
  std::optional<uint32_t> index = indexes_.Take();
  if (!index) {
    Reclaim();
    index = indexes_.Take();
  }
  if (!index) return FullError(MapId::kEndpoint, indexes_.used(), indexes_.capacity());
  return *index;
}

absl::StatusOr<uint32_t> EndpointTable::SetNumber(const std::string& name) const {
  if (name.empty()) return FL_SET_OPEN;
  const HeldSet* set = sets_.Find(name);
  if (set == nullptr)
    return absl::FailedPreconditionError(absl::StrCat("policy set ", name, " is not in force"));
  return set->index;
}

absl::Status EndpointTable::Put(const LocalEndpoint& endpoint) {
  // Another link under the same name: what the old one held must not pass to it.
  auto old_link = held_.find(endpoint.key);
  if (old_link != held_.end() && (old_link->second.applied.ifindex != endpoint.ifindex ||
                                  old_link->second.applied.generation != endpoint.generation)) {
    RETURN_IF_ERROR(Remove(old_link->second.index));
  }
  ASSIGN_OR_RETURN(const uint32_t index, Number(endpoint));
  auto [held, added] = held_.try_emplace(endpoint.key);
  if (added) {
    held->second.index = index;
    held->second.applied.key = endpoint.key;
    held->second.applied.ifindex = endpoint.ifindex;
    held->second.applied.generation = endpoint.generation;
  }
  const LocalEndpoint before = held->second.applied;

  fl_endpoint entry = BuildEntry(endpoint);
  const fl_endpoint old = entries_.Get(index);
  const bool same_sandbox = old.ifindex == entry.ifindex && old.generation == entry.generation;
  if (!same_sandbox) {
    RETURN_IF_ERROR(entries_.Set(index, entry));
  }
  RETURN_IF_ERROR(devices_.Set(endpoint.ifindex, index));
  for (const IpAddress& address : endpoint.addresses) RETURN_IF_ERROR(topology_.PlacePod(address, index));
  RETURN_IF_ERROR(topology_.PublishRouteEpoch());
  LocalEndpoint left = before;  // with the addresses that it has no more
  std::erase_if(left.addresses, [&](const IpAddress& address) {
    return std::find(endpoint.addresses.begin(), endpoint.addresses.end(), address) !=
           endpoint.addresses.end();
  });
  for (const IpAddress& address : left.addresses) RETURN_IF_ERROR(topology_.ForgetPod(address, index));
  if (!left.addresses.empty()) RETURN_IF_ERROR(links_.Disconnect(left));
  RETURN_IF_ERROR(links_.Connect(endpoint));

  if (endpoint.policy_known) {
    ASSIGN_OR_RETURN(entry.ingress_set, SetNumber(endpoint.ingress_set));
    ASSIGN_OR_RETURN(entry.egress_set, SetNumber(endpoint.egress_set));
    RETURN_IF_ERROR(MakeReady(index, entry));
  } else if (same_sandbox && (old.flags & FL_ENDPOINT_READY) != 0) {
    // What a predecessor has put in force stays until we know better.
    held->second.applied = endpoint;
    return absl::OkStatus();
  }
  held->second.applied = endpoint;
  return absl::OkStatus();
}

absl::Status EndpointTable::MakeReady(uint32_t index, fl_endpoint entry) {
  const fl_endpoint old = entries_.Get(index);
  entry.flags = FL_ENDPOINT_READY;
  RETURN_IF_ERROR(entries_.Set(index, entry));
  if ((old.flags & FL_ENDPOINT_READY) == 0) return absl::OkStatus();
  if (old.ingress_set != entry.ingress_set) pending_bumps_.insert(old.ingress_set);
  if (old.egress_set != entry.egress_set) pending_bumps_.insert(old.egress_set);
  return absl::OkStatus();
}

void EndpointTable::Retire(const DesiredState& desired, const StateChanges& changes, Failures& failures) {
  if (!desired.complete) return;
  std::set<uint32_t> gone;
  if (changes.all || !settled_) {
    gone = Gone(desired);
  } else {
    for (const std::string& key : changes.endpoints) {
      auto held = held_.find(key);
      if (held != held_.end() && !desired.endpoints.contains(key)) gone.insert(held->second.index);
    }
  }
  for (const uint32_t index : gone) {
    const HeldEndpoint* held = At(index);
    const std::string key = held != nullptr ? held->applied.key : absl::StrCat("(number ", index, ")");
    if (absl::Status status = Remove(index); !status.ok()) {
      Fail(failures, "Endpoint", key, WrapError(status, absl::StrCat("remove endpoint ", key)));
      failed_ = true;
    }
  }
  absl::Status status = changes.all || !settled_ ? RemoveStrays() : absl::OkStatus();
  settled_ = !failed_ && status.ok();
  if (status.ok()) status = topology_.PublishRouteEpoch();
  if (!status.ok()) Fail(failures, "NodeConfig", desired.settings.node, status);
}

std::set<uint32_t> EndpointTable::Gone(const DesiredState& desired) const {
  std::set<uint32_t> gone;
  for (const auto& [index, entry] : entries_.held()) gone.insert(index);
  for (const auto& [key, held] : held_) {
    if (desired.endpoints.contains(key)) {
      gone.erase(held.index);
    } else {
      gone.insert(held.index);
    }
  }
  return gone;
}

absl::Status EndpointTable::RemoveStrays() {
  std::vector<uint32_t> devices;
  std::vector<std::pair<fl_address, uint32_t>> places;
  std::set<uint32_t> indexes;
  for (const auto& [ifindex, index] : devices_.held()) {
    if (At(index) != nullptr || entries_.Get(index).ifindex == ifindex) continue;
    devices.push_back(ifindex);
    indexes.insert(index);
  }
  topology_.ForEachPod([&](const fl_address& address, uint32_t index) {
    const fl_endpoint entry = entries_.Get(index);
    const bool its = BytesOf(entry.v4) == BytesOf(address) || BytesOf(entry.v6) == BytesOf(address);
    if (At(index) != nullptr || its) return;
    places.emplace_back(address, index);
    indexes.insert(index);
  });
  for (const uint32_t ifindex : devices) RETURN_IF_ERROR(devices_.Erase(ifindex));
  for (const auto& [address, index] : places) RETURN_IF_ERROR(topology_.ForgetPod(FromAbi(address), index));
  for (const uint32_t index : indexes) {
    if (entries_.Find(index) != nullptr) continue;
    indexes_.Retire(index);
    quarantine_since_ = kernel_.SweepPasses();
  }
  return absl::OkStatus();
}

absl::Status EndpointTable::Release(uint32_t ifindex) {
  const uint32_t* index = devices_.Find(ifindex);
  if (index == nullptr || entries_.Get(*index).ifindex != ifindex) return absl::OkStatus();
  settled_ = false;  // whatever the next state says of it is news
  RETURN_IF_ERROR(WrapError(Remove(*index), absl::StrCat("remove the endpoint of device ", ifindex)));
  return topology_.PublishRouteEpoch();
}

absl::Status EndpointTable::Remove(uint32_t index) {
  const HeldEndpoint* held = At(index);
  const fl_endpoint entry = entries_.Get(index);
  std::vector<uint32_t> links = {entry.ifindex};
  std::vector<IpAddress> addresses = {FromAbi(entry.v4), FromAbi(entry.v6)};
  if (held != nullptr) {
    links.push_back(held->applied.ifindex);
    addresses.insert(addresses.end(), held->applied.addresses.begin(), held->applied.addresses.end());
  }
  // First the pod's own traffic ends; the sweep ends its connections when the entry is empty.
  RETURN_IF_ERROR(entries_.Erase(index));
  for (const uint32_t ifindex : links) {
    if (devices_.Get(ifindex) == index) RETURN_IF_ERROR(devices_.Erase(ifindex));
  }
  for (const IpAddress& address : addresses) RETURN_IF_ERROR(topology_.ForgetPod(address, index));
  if (held != nullptr) {
    RETURN_IF_ERROR(links_.Disconnect(held->applied));
    held_.erase(std::string(held->applied.key));
  }
  indexes_.Retire(index);
  quarantine_since_ = kernel_.SweepPasses();
  return absl::OkStatus();
}

void EndpointTable::Reclaim() {
  // The pass that runs now may have been past the pod's connections already.
  if (kernel_.SweepPasses() - quarantine_since_ >= 2) indexes_.Reclaim();
}

std::set<uint32_t> EndpointTable::SetsInUse() const {
  std::set<uint32_t> sets;
  for (const auto& [index, entry] : entries_.held()) {
    sets.insert(entry.ingress_set);
    sets.insert(entry.egress_set);
  }
  return sets;
}

uint32_t EndpointTable::CountIn(uint32_t set) const {
  uint32_t count = 0;
  for (const auto& [index, entry] : entries_.held()) {
    if (entry.ingress_set == set || entry.egress_set == set) ++count;
  }
  return count;
}

const HeldEndpoint* EndpointTable::Find(const std::string& key) const {
  auto held = held_.find(key);
  return held == held_.end() ? nullptr : &held->second;
}

const HeldEndpoint* EndpointTable::At(uint32_t index) const {
  for (const auto& [key, held] : held_) {
    if (held.index == index) return &held;
  }
  return nullptr;
}

absl::Status EndpointTable::Verify() {
  RETURN_IF_ERROR(devices_.Verify());
  return entries_.Verify();
}

}  // namespace fairlead::datapath
