#include "agent/pods/lease_table.h"

#include <algorithm>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "agent/details.h"
#include "base/status_macros.h"

namespace fairlead::agent {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
// 2020-01-01: generations fit into 32 bits for a century.
constexpr int64_t kGenerationEpochSeconds = 1'577'836'800;

}  // namespace

absl::StatusOr<std::vector<LeaseStore::Damaged>> LeaseTable::Load() {
  ASSIGN_OR_RETURN(LeaseStore::Loaded loaded, store_->Load());
  std::sort(loaded.leases.begin(), loaded.leases.end(),
            [](const Lease& a, const Lease& b) { return a.generation < b.generation; });
  for (Lease& lease : loaded.leases) {
    last_generation_ = std::max(last_generation_, lease.generation);
    // A clock that was set back must not make an address cool for years.
    lease.since_ns = std::min(lease.since_ns, clock_->WallNs());
    if (lease.state == LeaseState::kCooling) {
      cooling_.insert_or_assign(lease.generation, lease);
    } else {
      live_.insert_or_assign(lease.key(), lease);
    }
  }
  ForgetCooled();
  return loaded.damaged;
}

void LeaseTable::SetPools(const std::vector<IpPrefix>& prefixes) {
  std::vector<AddressPool> pools;
  for (const IpPrefix& prefix : prefixes) {
    auto kept = std::find_if(pools_.begin(), pools_.end(),
                             [&](const AddressPool& pool) { return pool.prefix() == prefix; });
    if (kept != pools_.end()) {
      pools.push_back(std::move(*kept));
      continue;
    }
    AddressPool& pool = pools.emplace_back(prefix, cooldown_ns_);
    for (const auto& [key, lease] : live_) {
      for (const IpAddress& address : lease.addresses) pool.Restore(address);
    }
    for (const auto& [generation, lease] : cooling_) {
      for (const IpAddress& address : lease.addresses) pool.GiveBack(address, lease.since_ns);
    }
  }
  pools_ = std::move(pools);
}

const Lease* LeaseTable::Find(const std::string& key) const {
  auto found = live_.find(key);
  return found == live_.end() ? nullptr : &found->second;
}

bool LeaseTable::Holds(uint32_t generation) const {
  return std::any_of(live_.begin(), live_.end(),
                     [&](const auto& entry) { return entry.second.generation == generation; });
}

uint32_t LeaseTable::NextGeneration() {
  // Follows the clock, so that a node whose records were lost does not count from one again.
  const int64_t seconds = clock_->WallNs() / kSecondNs - kGenerationEpochSeconds;
  last_generation_ = std::max(last_generation_ + 1, static_cast<uint32_t>(std::max<int64_t>(seconds, 0)));
  return last_generation_;
}

absl::Status LeaseTable::Exhausted(const AddressPool& pool) const {
  const AddressPool::Counts counts = pool.Count(clock_->WallNs());
  std::map<std::string, int> by_namespace;
  for (const auto& [key, lease] : live_) by_namespace[lease.namespace_name] += 1;
  std::vector<std::pair<std::string, int>> biggest(by_namespace.begin(), by_namespace.end());
  std::stable_sort(biggest.begin(), biggest.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string holders;
  for (size_t i = 0; i < biggest.size() && i < 3; ++i) {
    absl::StrAppend(&holders, i == 0 ? "" : ", ", biggest[i].first, " (", biggest[i].second, ")");
  }
  return WithDetails(
      absl::ResourceExhaustedError(absl::StrCat("allocate an address of ", pool.prefix().ToString(), ": ",
                                                counts.size, " usable, ", counts.used, " used, ",
                                                counts.cooling, " cooling, ", counts.free, " free")),
      absl::StrCat("namespaces with the most pods here: ", holders.empty() ? "none" : holders,
                   "; give the node a larger pod CIDR or move pods away. Addresses cool down for ",
                   cooldown_ns_ / kSecondNs, " s before they are used again"));
}

absl::StatusOr<std::vector<IpAddress>> LeaseTable::Allocate(const Request& request) {
  const int64_t now = clock_->WallNs();
  std::vector<IpAddress> taken;
  auto undo = absl::MakeCleanup([&] {
    for (AddressPool& pool : pools_) {
      for (const IpAddress& address : taken) pool.GiveBack(address, now - cooldown_ns_);
    }
  });
  for (const IpAddress& wanted : request.requested) {
    const bool ours = std::any_of(pools_.begin(), pools_.end(),
                                  [&](const AddressPool& pool) { return pool.prefix().Contains(wanted); });
    if (!ours) {
      return absl::InvalidArgumentError(
          absl::StrCat("requested address ", wanted.ToString(), " is in none of the node's pod CIDRs"));
    }
  }
  for (AddressPool& pool : pools_) {
    auto wanted = std::find_if(request.requested.begin(), request.requested.end(),
                               [&](const IpAddress& address) { return pool.prefix().Contains(address); });
    if (wanted != request.requested.end()) {
      absl::Status status = pool.TakeThis(*wanted, now);
      if (!status.ok()) return WrapError(status, "take the requested address");
      taken.push_back(*wanted);
      continue;
    }
    absl::StatusOr<IpAddress> address = pool.Take(now);
    if (!address.ok()) return Exhausted(pool);
    taken.push_back(*address);
  }
  std::move(undo).Cancel();
  return taken;
}

absl::Status LeaseTable::Restore(Lease lease) {
  bool known = live_.contains(lease.key()) || Holds(lease.generation) || cooling_.contains(lease.generation);
  for (const auto& [key, held] : live_) {
    for (const IpAddress& address : lease.addresses) {
      known |= std::find(held.addresses.begin(), held.addresses.end(), address) != held.addresses.end();
    }
  }
  if (known)
    return absl::AlreadyExistsError(absl::StrCat("sandbox ", lease.key(), " or its addresses are on record"));
  lease.since_ns = clock_->WallNs();
  last_generation_ = std::max(last_generation_, lease.generation);
  for (AddressPool& pool : pools_) {
    for (const IpAddress& address : lease.addresses) pool.Restore(address);
  }
  // What is not on disk now is rebuilt again at the next start.
  store_->Put(lease).IgnoreError();
  live_.emplace(lease.key(), std::move(lease));
  return absl::OkStatus();
}

absl::Status LeaseTable::CheckPortMappings(const Request& request) const {
  for (const auto& [key, lease] : live_) {
    for (const datapath::PortMapping& held : lease.port_mappings) {
      for (const datapath::PortMapping& wanted : request.port_mappings) {
        const bool same_address =
            held.host_ip == wanted.host_ip || held.host_ip == IpAddress() || wanted.host_ip == IpAddress();
        if (held.host_port != wanted.host_port || held.protocol != wanted.protocol || !same_address) continue;
        return WithDetails(absl::AlreadyExistsError(absl::StrCat("hostPort ", wanted.host_port,
                                                                 " is in use by pod ", lease.pod())),
                           "the port is free once that pod has been deleted; or choose another hostPort");
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Lease> LeaseTable::Prepare(const Request& request) {
  const std::string key = request.sandbox + "/" + request.if_name;
  if (const Lease* existing = Find(key); existing != nullptr) {
    if (existing->state == LeaseState::kReleasing) {
      return WithDetails(absl::AbortedError(absl::StrCat("sandbox ", key, " is being released")),
                         "try again");
    }
    return *existing;
  }
  if (pools_.empty()) {
    return WithDetails(absl::UnavailableError("the node's pod CIDRs are not known yet"),
                       "no controller was reached since this node was set up; see `fairlead status`");
  }
  Lease lease{.state = LeaseState::kPrepared,
              .since_ns = clock_->WallNs(),
              .sandbox = request.sandbox,
              .if_name = request.if_name,
              .netns = request.netns,
              .pod_uid = request.pod_uid,
              .namespace_name = request.namespace_name,
              .pod_name = request.pod_name,
              .host_interface = HostInterfaceName(key),
              .mac = request.requested_mac.value_or(MacFor("pod " + key)),
              .host_mac = MacFor("host " + key),
              .port_mappings = request.port_mappings};
  for (const auto& [other, held] : live_) {
    if (held.host_interface == lease.host_interface) {
      return absl::AlreadyExistsError(absl::StrCat("sandboxes ", key, " and ", other,
                                                   " would share the device ", lease.host_interface,
                                                   "; a new sandbox gets another name"));
    }
  }
  RETURN_IF_ERROR(CheckPortMappings(request));
  ForgetCooled();
  ASSIGN_OR_RETURN(lease.addresses, Allocate(request));
  lease.generation = NextGeneration();
  if (absl::Status status = store_->Put(lease); !status.ok()) {
    for (AddressPool& pool : pools_) {
      for (const IpAddress& address : lease.addresses) pool.GiveBack(address, lease.since_ns - cooldown_ns_);
    }
    // Half a write may have been a whole one.
    store_->Remove(lease.generation).IgnoreError();
    return WithDetails(
        absl::UnavailableError(absl::StrCat("record the addresses of ", lease.pod(), ": ", status.message())),
        "is the disk that holds the agent's --state-dir full or read-only?");
  }
  live_.emplace(key, lease);
  return lease;
}

absl::Status LeaseTable::Change(const std::string& key, LeaseState state, uint32_t ifindex) {
  auto found = live_.find(key);
  if (found == live_.end()) return absl::NotFoundError(absl::StrCat("no sandbox ", key, " on record"));
  Lease changed = found->second;
  if (changed.state == state && changed.ifindex == ifindex) return absl::OkStatus();
  changed.state = state;
  changed.ifindex = ifindex;
  changed.since_ns = clock_->WallNs();
  absl::Status status = store_->Put(changed);
  if (!status.ok())
    return WrapError(status, absl::StrCat("record that ", changed.pod(), " is ", ToString(state)));
  found->second = std::move(changed);
  return absl::OkStatus();
}

absl::Status LeaseTable::Commit(const std::string& key, uint32_t ifindex) {
  return Change(key, LeaseState::kCommitted, ifindex);
}

absl::Status LeaseTable::BeginRelease(const std::string& key) {
  auto found = live_.find(key);
  if (found == live_.end()) return absl::NotFoundError(absl::StrCat("no sandbox ", key, " on record"));
  absl::Status status = Change(key, LeaseState::kReleasing, found->second.ifindex);
  // There is no way back, whatever the disk says.
  found->second.state = LeaseState::kReleasing;
  return status;
}

void LeaseTable::FinishRelease(const std::string& key) {
  auto found = live_.find(key);
  if (found == live_.end()) return;
  Lease lease = std::move(found->second);
  live_.erase(found);
  lease.state = LeaseState::kCooling;
  lease.since_ns = clock_->WallNs();
  for (AddressPool& pool : pools_) {
    for (const IpAddress& address : lease.addresses) pool.GiveBack(address, lease.since_ns);
  }
  // On a full disk the old record stays, as "releasing": a restart comes here again.
  store_->Put(lease).IgnoreError();
  cooling_.emplace(lease.generation, std::move(lease));
}

void LeaseTable::ForgetCooled() {
  const int64_t now = clock_->WallNs();
  for (auto lease = cooling_.begin(); lease != cooling_.end();) {
    const bool cooled = lease->second.since_ns + cooldown_ns_ <= now;
    // A record that cannot be removed only cools down once more after a restart.
    if (cooled) store_->Remove(lease->first).IgnoreError();
    lease = cooled ? cooling_.erase(lease) : std::next(lease);
  }
}

std::vector<LeaseTable::PoolUsage> LeaseTable::Pools() const {
  std::vector<PoolUsage> usage;
  for (const AddressPool& pool : pools_) usage.push_back({pool.prefix(), pool.Count(clock_->WallNs())});
  return usage;
}

}  // namespace fairlead::agent
