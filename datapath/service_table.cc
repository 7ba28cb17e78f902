#include "datapath/service_table.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "datapath/abi_convert.h"

namespace fairlead::datapath {
namespace {

constexpr uint32_t kLastNumber = 1 << 20;
const char kServiceKind[] = "Service";
const char kEndpointKind[] = "Endpoint";

}  // namespace

ServiceTable::ServiceTable(KernelMaps& kernel, WriteStats& stats)
    : backends_(kernel, stats), frontends_(kernel, stats), number_ids_(1, kLastNumber) {}

absl::Status ServiceTable::Load() {
  RETURN_IF_ERROR(frontends_.Load());
  RETURN_IF_ERROR(backends_.Load());
  for (const auto& [key, frontend] : frontends_.held()) {
    backends_.AdoptRange(frontend.first, frontend.count, frontend.service);
    if (number_ids_.Adopt(frontend.service)) adopted_.insert(frontend.service);
    unclaimed_.insert(key);
  }
  return absl::OkStatus();
}

void ServiceTable::Publish(const DesiredState& desired, const StateChanges& changes, Failures& failures) {
  const bool moved = node_ != desired.settings.node;
  if (moved) {
    node_ = desired.settings.node;
    services_.clear();  // which backends are local ones has changed
  }
  if (moved || changes.all) {
    NameAll(desired);
  } else {
    NameChanged(changes);
  }
  // First what goes: its front ends are free for others.
  std::erase_if(due_, [&](const HolderName& holder) {
    if (Wanted(desired, holder)) return false;
    if (desired.complete) Drop(holder);
    return true;
  });
  std::set<HolderName> failed;
  while (!due_.empty()) {
    const HolderName holder = due_.extract(due_.begin()).value();
    if (!IsCurrent(desired, holder) && !PublishHolder(desired, holder, failures)) failed.insert(holder);
  }
  due_ = std::move(failed);
}

void ServiceTable::NameAll(const DesiredState& desired) {
  for (const auto& [name, service] : desired.services) due_.emplace(kServiceKind, name);
  for (const auto& [key, endpoint] : desired.endpoints) {
    if (!endpoint.port_mappings.empty()) due_.emplace(kEndpointKind, key);
  }
  for (const auto& [holder, plan] : plans_) due_.insert(holder);
}

void ServiceTable::NameChanged(const StateChanges& changes) {
  for (const std::string& name : changes.services) due_.emplace(kServiceKind, name);
  for (const std::string& key : changes.endpoints) due_.emplace(kEndpointKind, key);
}

bool ServiceTable::Wanted(const DesiredState& desired, const HolderName& holder) const {
  if (holder.first == kServiceKind) return desired.services.contains(holder.second);
  auto endpoint = desired.endpoints.find(holder.second);
  if (endpoint == desired.endpoints.end()) return false;
  return !endpoint->second.port_mappings.empty() || pods_.contains(holder.second);
}

ServiceTable::HostPorts ServiceTable::HostPortsOf(const LocalEndpoint& endpoint) {
  return {absl::StrCat(endpoint.namespace_name, "/", endpoint.pod_name), endpoint.port_mappings,
          endpoint.addresses};
}

std::string ServiceTable::Describe(const HolderName& holder) const {
  auto pod = pods_.find(holder.second);
  if (holder.first == kEndpointKind && pod != pods_.end())
    return absl::StrCat("the hostPort of pod ", pod->second.pod);
  return absl::StrCat(holder.first, " ", holder.second);
}

bool ServiceTable::IsCurrent(const DesiredState& desired, const HolderName& holder) const {
  if (holder.first == kServiceKind) {
    auto held = services_.find(holder.second);
    return held != services_.end() && held->second == desired.services.at(holder.second);
  }
  auto held = pods_.find(holder.second);
  const LocalEndpoint& endpoint = desired.endpoints.at(holder.second);
  return held != pods_.end() && held->second == HostPortsOf(endpoint);
}

void ServiceTable::Drop(const HolderName& holder) {
  auto plan = plans_.find(holder);
  if (plan == plans_.end()) return;
  Abandon(holder, plan->second, {});
  plans_.erase(plan);
  Forget(holder);
}

void ServiceTable::Forget(const HolderName& holder) {
  if (holder.first == kServiceKind) {
    services_.erase(holder.second);
  } else {
    pods_.erase(holder.second);
  }
}

bool ServiceTable::PublishHolder(const DesiredState& desired, const HolderName& holder, Failures& failures) {
  const bool is_service = holder.first == kServiceKind;
  Ports wanted = is_service ? PlanService(desired.services.at(holder.second), node_)
                            : PlanHostPorts(desired.endpoints.at(holder.second));
  const absl::Status refused = ClaimAll(holder, wanted);
  const absl::Status written = Write(holder, wanted);
  Ports& held = plans_[holder];
  if (written.ok()) {
    Abandon(holder, held, wanted);
    held = std::move(wanted);
  } else {
    // What was tried goes with what is in force, when the holder goes.
    held.insert(held.end(), wanted.begin(), wanted.end());
  }
  const absl::Status& status = written.ok() ? refused : written;
  if (!status.ok()) {
    Fail(failures, holder.first, holder.second,
         WrapError(status, absl::StrCat("publish ", holder.first, " ", holder.second)));
    Forget(holder);
    return false;
  }
  if (is_service) {
    services_[holder.second] = desired.services.at(holder.second);
  } else {
    const LocalEndpoint& endpoint = desired.endpoints.at(holder.second);
    pods_[holder.second] = HostPortsOf(endpoint);
  }
  return true;
}

absl::Status ServiceTable::ClaimAll(const HolderName& holder, const Ports& plan) {
  absl::Status first;
  for (const PlannedPort& port : plan) {
    for (const PlannedFrontend& frontend : port.frontends) {
      const absl::Status claimed = Claim(holder, frontend.key);
      if (first.ok()) first = claimed;
    }
  }
  return first;
}

absl::Status ServiceTable::Write(const HolderName& holder, const Ports& plan) {
  for (const PlannedPort& port : plan) RETURN_IF_ERROR(WritePort(holder, port));
  return absl::OkStatus();
}

absl::Status ServiceTable::Claim(const HolderName& holder, const fl_frontend_key& key) {
  auto [claim, added] = claims_.try_emplace(key, holder);
  if (!added && claim->second < holder) {
    return absl::AlreadyExistsError(absl::StrCat(ToString(key), " belongs to ", Describe(claim->second),
                                                 " already; give one of them another address or port"));
  }
  if (!added && claim->second != holder) {
    // The first by name has it, in whatever order they came; the other is tried again, and refused.
    Forget(claim->second);
    due_.insert(claim->second);
    claim->second = holder;
  }
  unclaimed_.erase(key);
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> ServiceTable::Number(const PlannedPort& port) {
  abandoned_.erase(port.owner);
  if (auto held = numbers_.find(port.owner); held != numbers_.end()) return held->second;
  std::optional<uint32_t> number;
  // A predecessor's number for the same front end goes on.
  for (const PlannedFrontend& frontend : port.frontends) {
    const fl_frontend* held = frontends_.Find(frontend.key);
    if (held != nullptr && !owners_.contains(held->service)) number = held->service;
  }
  if (!number) number = number_ids_.Take();
  if (!number)
    return absl::ResourceExhaustedError("every number of a Service port is in use (docs/limits.md)");
  numbers_[port.owner] = *number;
  owners_[*number] = port.owner;
  return *number;
}

absl::Status ServiceTable::WritePort(const HolderName& holder, const PlannedPort& port) {
  ASSIGN_OR_RETURN(const uint32_t number, Number(port));
  for (const BackendAddress& backend : port.kept) RETURN_IF_ERROR(backends_.Put(number, backend).status());
  for (const PlannedFrontend& frontend : port.frontends) {
    // One that is another's stays so, and keeps nobody from the rest.
    if (claims_.at(frontend.key) == holder) RETURN_IF_ERROR(WriteFrontend(port, frontend, number));
  }
  kept_[number] = port.kept;
  return absl::OkStatus();
}

absl::Status ServiceTable::WriteFrontend(const PlannedPort& port, const PlannedFrontend& frontend,
                                         uint32_t number) {
  BackendIds ids;
  for (const BackendAddress& backend : frontend.backends) {
    ASSIGN_OR_RETURN(const uint32_t index, backends_.Put(number, backend));
    ids.push_back(index);
  }
  ASSIGN_OR_RETURN(const uint32_t first, backends_.AcquireRange(ids));
  const fl_frontend entry{.first = first,
                          .count = static_cast<uint32_t>(ids.size()),
                          .flags = frontend.flags,
                          .affinity_seconds = port.affinity_seconds,
                          .service = number};
  const fl_frontend* held = frontends_.Find(frontend.key);
  const fl_frontend old = held != nullptr ? *held : fl_frontend{};
  if (absl::Status written = frontends_.Set(frontend.key, entry); !written.ok()) {
    backends_.ReleaseRange(first, entry.count);
    return written;
  }
  backends_.ReleaseRange(old.first, old.count);
  return absl::OkStatus();
}

void ServiceTable::Abandon(const HolderName& holder, const Ports& old, const Ports& now) {
  std::set<fl_frontend_key, KeyOrder> wanted;
  std::set<std::string> owners;
  for (const PlannedPort& port : now) {
    owners.insert(port.owner);
    for (const PlannedFrontend& frontend : port.frontends) wanted.insert(frontend.key);
  }
  for (const PlannedPort& port : old) {
    if (!owners.contains(port.owner)) abandoned_.insert(port.owner);
    for (const PlannedFrontend& frontend : port.frontends) {
      auto claim = claims_.find(frontend.key);
      if (wanted.contains(frontend.key) || claim == claims_.end() || claim->second != holder) continue;
      claims_.erase(claim);
      unclaimed_.insert(frontend.key);
    }
  }
}

void ServiceTable::Retire(const DesiredState& desired, Failures& failures) {
  if (!desired.complete) return;
  if (const absl::Status status = RemoveAbandoned(); !status.ok()) {
    Fail(failures, "NodeConfig", desired.settings.node, WrapError(status, "remove old Services"));
  }
}

absl::Status ServiceTable::RemoveAbandoned() {
  while (!unclaimed_.empty()) RETURN_IF_ERROR(RemoveFrontend(*unclaimed_.begin()));
  // Only now: until here a front end that went, or passed to another Service, led to them.
  while (!kept_.empty()) {
    RETURN_IF_ERROR(backends_.Keep(kept_.begin()->first, kept_.begin()->second));
    kept_.erase(kept_.begin());
  }
  while (!adopted_.empty()) {
    const uint32_t number = *adopted_.begin();
    if (!owners_.contains(number)) {
      RETURN_IF_ERROR(backends_.Keep(number, {}));
      number_ids_.Retire(number);
    }
    adopted_.erase(number);
  }
  while (!abandoned_.empty()) {
    const std::string owner = *abandoned_.begin();
    if (auto number = numbers_.find(owner); number != numbers_.end()) {
      RETURN_IF_ERROR(backends_.Keep(number->second, {}));
      kept_.erase(number->second);
      number_ids_.Retire(number->second);
      owners_.erase(number->second);
      numbers_.erase(number);
    }
    abandoned_.erase(owner);
  }
  return backends_.RemoveOrphans();
}

absl::Status ServiceTable::RemoveFrontend(const fl_frontend_key& key) {
  const fl_frontend* held = frontends_.Find(key);
  if (held != nullptr) {
    const fl_frontend old = *held;
    RETURN_IF_ERROR(frontends_.Erase(key));
    backends_.ReleaseRange(old.first, old.count);
  }
  unclaimed_.erase(fl_frontend_key(key));
  return absl::OkStatus();
}

void ServiceTable::Reclaim() {
  backends_.Reclaim();
  number_ids_.Reclaim();
}

absl::Status ServiceTable::Verify() {
  RETURN_IF_ERROR(backends_.Verify());
  return frontends_.Verify();
}

std::string ServiceTable::NameOf(uint32_t number) const {
  auto owner = owners_.find(number);
  return owner == owners_.end() ? "" : owner->second.substr(0, owner->second.find(':'));
}

const fl_frontend* ServiceTable::FrontendAt(const IpAddress& address, uint16_t port, uint8_t protocol) const {
  for (const IpAddress& at : {address, address.is_v4() ? IpAddress::FromV4(0) : IpAddress()}) {
    const fl_frontend* held =
        frontends_.Find({.address = ToAbi(at), .port = htons(port), .protocol = protocol});
    if (held != nullptr) return held;
  }
  return nullptr;
}

std::string ServiceTable::NameAt(const IpAddress& address, uint16_t port, uint8_t protocol) const {
  const fl_frontend* held = FrontendAt(address, port, protocol);
  return held == nullptr ? "" : NameOf(held->service);
}

std::vector<BackendAddress> ServiceTable::BackendsAt(const IpAddress& address, uint16_t port,
                                                     uint8_t protocol) const {
  const fl_frontend* held = FrontendAt(address, port, protocol);
  if (held == nullptr) return {};
  return backends_.InRange(held->first, held->count);
}

}  // namespace fairlead::datapath
