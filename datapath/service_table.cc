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
    number_ids_.Adopt(frontend.service);
    unclaimed_.insert(key);
  }
  return absl::OkStatus();
}

void ServiceTable::Publish(const DesiredState& desired, Failures& failures) {
  if (node_ != desired.settings.node) {
    node_ = desired.settings.node;
    services_.clear();  // which backends are local ones has changed
  }
  if (desired.complete) DropGone(desired);
  for (const auto& [name, service] : desired.services) {
    auto held = services_.find(name);
    if (held != services_.end() && held->second == service) continue;
    if (PublishHolder({kServiceKind, name}, PlanService(service, node_), failures)) services_[name] = service;
  }
  for (const auto& [key, endpoint] : desired.endpoints) {
    auto held = pods_.find(key);
    if (held == pods_.end() && endpoint.port_mappings.empty()) continue;
    const HostPorts wanted{endpoint.port_mappings, endpoint.addresses};
    if (held != pods_.end() && held->second == wanted) continue;
    if (PublishHolder({kEndpointKind, key}, PlanHostPorts(endpoint), failures)) pods_[key] = wanted;
  }
}

void ServiceTable::DropGone(const DesiredState& desired) {
  std::vector<HolderName> gone;
  for (const auto& [holder, plan] : plans_) {
    const bool wanted = holder.first == kServiceKind ? desired.services.contains(holder.second)
                                                     : desired.endpoints.contains(holder.second);
    if (!wanted) gone.push_back(holder);
  }
  for (const HolderName& holder : gone) {
    Abandon(holder, plans_[holder], {});
    plans_.erase(holder);
    Forget(holder);
  }
}

void ServiceTable::Forget(const HolderName& holder) {
  if (holder.first == kServiceKind) {
    services_.erase(holder.second);
  } else {
    pods_.erase(holder.second);
  }
}

bool ServiceTable::PublishHolder(const HolderName& holder, Ports wanted, Failures& failures) {
  const absl::Status status = Write(holder, wanted);
  Ports& held = plans_[holder];
  if (status.ok()) {
    Abandon(holder, held, wanted);
    held = std::move(wanted);
    return true;
  }
  Fail(failures, holder.first, holder.second,
       WrapError(status, absl::StrCat("publish ", holder.first, " ", holder.second)));
  // What was tried goes with what is in force, when the holder goes.
  held.insert(held.end(), wanted.begin(), wanted.end());
  Forget(holder);
  return false;
}

absl::Status ServiceTable::Write(const HolderName& holder, const Ports& plan) {
  for (const PlannedPort& port : plan) {
    for (const PlannedFrontend& frontend : port.frontends) RETURN_IF_ERROR(Claim(holder, frontend.key));
  }
  for (const PlannedPort& port : plan) RETURN_IF_ERROR(WritePort(port));
  return absl::OkStatus();
}

absl::Status ServiceTable::Claim(const HolderName& holder, const fl_frontend_key& key) {
  auto [claim, added] = claims_.try_emplace(key, holder);
  if (!added && claim->second < holder) {
    return absl::AlreadyExistsError(absl::StrCat(ToString(key), " belongs to ", claim->second.first, " ",
                                                 claim->second.second,
                                                 " already; give one of them another address or port"));
  }
  if (!added && claim->second != holder) {
    // The first by name has it, in whatever order they came; the other is tried again, and refused.
    Forget(claim->second);
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

absl::Status ServiceTable::WritePort(const PlannedPort& port) {
  ASSIGN_OR_RETURN(const uint32_t number, Number(port));
  for (const BackendAddress& backend : port.kept) RETURN_IF_ERROR(backends_.Put(number, backend).status());
  for (const PlannedFrontend& frontend : port.frontends) {
    RETURN_IF_ERROR(WriteFrontend(port, frontend, number));
  }
  return backends_.Keep(number, port.kept);
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
  while (!abandoned_.empty()) {
    const std::string owner = *abandoned_.begin();
    if (auto number = numbers_.find(owner); number != numbers_.end()) {
      RETURN_IF_ERROR(backends_.Keep(number->second, {}));
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
    // Of a predecessor's Service that is no more.
    if (!owners_.contains(old.service)) RETURN_IF_ERROR(backends_.Keep(old.service, {}));
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

std::string ServiceTable::NameAt(const IpAddress& address, uint16_t port, uint8_t protocol) const {
  for (const IpAddress& at : {address, address.is_v4() ? IpAddress::FromV4(0) : IpAddress()}) {
    const fl_frontend* held =
        frontends_.Find({.address = ToAbi(at), .port = htons(port), .protocol = protocol});
    if (held != nullptr) return NameOf(held->service);
  }
  return "";
}

}  // namespace fairlead::datapath
