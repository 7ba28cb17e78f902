#include "agent/pods/pods.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/details.h"
#include "base/netlink/link.h"
#include "base/status_macros.h"
#include "spdlog/spdlog.h"

namespace fairlead::agent {
namespace {

absl::Status Changed(absl::string_view what) {
  return WithDetails(absl::FailedPreconditionError(what), "delete the pod; its controller makes a new one");
}

}  // namespace

bool Pods::KnowsPolicy(const Lease& lease) const {
  return parts_.sink->KnowsPod(lease.pod_uid, lease.namespace_name, lease.pod_name);
}

std::vector<datapath::LocalEndpoint> Pods::Endpoints() const {
  std::vector<datapath::LocalEndpoint> endpoints;
  for (const auto& [key, lease] : parts_.leases->live()) {
    if (lease.state != LeaseState::kCommitted) continue;
    endpoints.push_back({.key = key,
                         .pod_uid = lease.pod_uid,
                         .namespace_name = lease.namespace_name,
                         .pod_name = lease.pod_name,
                         .generation = lease.generation,
                         .ifindex = lease.ifindex,
                         .host_interface = lease.host_interface,
                         .mac = lease.mac,
                         .host_mac = lease.host_mac,
                         .addresses = lease.addresses,
                         .port_mappings = lease.port_mappings});
  }
  return endpoints;
}

std::vector<PoolUsage> Pods::Pools() const {
  std::vector<PoolUsage> pools;
  for (const auto& [prefix, counts] : parts_.leases->Pools()) {
    pools.push_back({prefix, counts.used, counts.free, counts.cooling});
  }
  return pools;
}

void Pods::RebuildRecords(const std::map<std::string, uint32_t>& links) {
  std::set<std::string> recorded;
  for (const auto& [key, lease] : parts_.leases->live()) recorded.insert(lease.host_interface);
  for (const auto& [name, ifindex] : links) {
    if (recorded.contains(name)) continue;
    absl::StatusOr<HostEnd> end = parts_.links->Describe(name);
    absl::StatusOr<Lease> lease = end.ok() ? LeaseOf(*end) : end.status();
    absl::Status status = lease.ok() ? parts_.leases->Restore(*lease) : lease.status();
    if (status.ok()) {
      ++counters_.rebuilt;
      spdlog::warn("the record of {} was lost; rebuilt from its device {}", lease->pod(), name);
    } else if (!absl::IsNotFound(status)) {
      spdlog::warn("rebuild a record from device {}: {}", name, std::string(status.message()));
    }
  }
}

absl::Status Pods::Adopt() {
  ASSIGN_OR_RETURN(auto links, parts_.links->List());
  RebuildRecords(links);
  std::vector<std::string> gone;
  for (const auto& [key, lease] : parts_.leases->live()) {
    auto link = links.find(lease.host_interface);
    const bool lives =
        lease.state == LeaseState::kCommitted && link != links.end() && link->second == lease.ifindex;
    if (!lives) gone.push_back(key);
  }
  for (const std::string& key : gone) {
    spdlog::info("release sandbox {}: its link is gone or was never finished", key);
    if (absl::Status status = Release(key); !status.ok()) {
      spdlog::warn("release sandbox {}: {}", key, std::string(status.message()));
    }
  }
  for (const auto& [key, lease] : parts_.leases->live()) {
    if (lease.state != LeaseState::kCommitted) continue;
    // Programs first: a restart may have fallen between making the record and attaching.
    absl::Status status = parts_.datapath->AttachPod(lease.ifindex);
    if (status.ok()) status = parts_.links->BringUp(lease.ifindex, AliasOf(lease).value_or(""));
    if (!status.ok()) spdlog::warn("adopt {}: {}", lease.pod(), std::string(status.message()));
    ++counters_.adopted;
  }
  return Reconcile();
}

absl::StatusOr<Lease> Pods::Prepare(const LeaseTable::Request& request) {
  const std::string key = request.sandbox + "/" + request.if_name;
  const bool fresh = parts_.leases->Find(key) == nullptr;
  ASSIGN_OR_RETURN(Lease lease, parts_.leases->Prepare(request));
  if (!fresh) return lease;
  // Links without a record are garbage: nobody else gives out this name.
  if (absl::Status status = parts_.links->Delete(lease.host_interface); !status.ok()) {
    Withdraw(key).IgnoreError();
    return WrapError(status, absl::StrCat("clear the way for ", lease.host_interface));
  }
  return lease;
}

void Pods::Commit(const std::string& key, uint32_t ifindex, Done done) {
  const Lease* lease = parts_.leases->Find(key);
  if (lease == nullptr || lease->state == LeaseState::kReleasing) {
    done(absl::AbortedError(absl::StrCat("sandbox ", key, " was released in the meantime")));
    return;
  }
  waiting_[key] = {.ifindex = ifindex, .done = std::move(done)};
  if (KnowsPolicy(*lease)) {
    Finish(key, Realise(key, ifindex));
    return;
  }
  waiting_[key].timer = parts_.loop->After(policy_wait_, [this, key] {
    waiting_[key].timer = 0;
    const Lease* late = parts_.leases->Find(key);
    Finish(key,
           WithDetails(absl::DeadlineExceededError(absl::StrCat(
                           "the policy of pod ", late == nullptr ? key : late->pod(), " is not known")),
                       "no controller has named this pod to the node yet; a pod is never started without "
                       "its policy. `fairlead status` shows whether the controller is connected"));
  });
}

void Pods::OnApplied() {
  std::vector<std::pair<std::string, uint32_t>> ready;
  for (const auto& [key, waiting] : waiting_) {
    const Lease* lease = parts_.leases->Find(key);
    if (lease != nullptr && KnowsPolicy(*lease)) ready.emplace_back(key, waiting.ifindex);
  }
  for (const auto& [key, ifindex] : ready) Finish(key, Realise(key, ifindex));
}

void Pods::Finish(const std::string& key, const absl::Status& status) {
  auto found = waiting_.find(key);
  if (found == waiting_.end()) return;
  Waiting waiting = std::move(found->second);
  waiting_.erase(found);
  if (waiting.timer != 0) parts_.loop->Cancel(waiting.timer);
  if (status.ok()) {
    ++counters_.added;
  } else {
    ++counters_.add_failed;
    spdlog::warn("ADD of sandbox {}: {}", key, std::string(status.message()));
    Withdraw(key).IgnoreError();
  }
  waiting.done(status);
}

absl::Status Pods::Realise(const std::string& key, uint32_t ifindex) {
  const Lease* lease = parts_.leases->Find(key);
  if (lease == nullptr)
    return absl::AbortedError(absl::StrCat("sandbox ", key, " was released in the meantime"));
  absl::StatusOr<uint32_t> found = parts_.links->Find(lease->host_interface);
  if (!found.ok()) return found.status();
  if (*found != ifindex) {
    return absl::InvalidArgumentError(absl::StrCat("hostInterfaceIndex: ", ifindex, " is not that of ",
                                                   lease->host_interface, ", ", *found, " is"));
  }
  RETURN_IF_ERROR(parts_.datapath->AttachPod(ifindex));
  RETURN_IF_ERROR(parts_.links->BringUp(ifindex, AliasOf(*lease).value_or("")));
  RETURN_IF_ERROR(parts_.leases->Commit(key, ifindex));
  return parts_.sink->ApplyEndpoint(key);
}

void Pods::Abandon(const std::string& key) {
  auto found = waiting_.find(key);
  if (found != waiting_.end()) {
    if (found->second.timer != 0) parts_.loop->Cancel(found->second.timer);
    waiting_.erase(found);
  }
  const Lease* lease = parts_.leases->Find(key);
  if (lease == nullptr || lease->state == LeaseState::kCommitted) return;
  spdlog::info("ADD of sandbox {} was given up by the plugin", key);
  ++counters_.add_failed;
  if (absl::Status status = Withdraw(key); !status.ok()) {
    spdlog::warn("release sandbox {}: {}", key, std::string(status.message()));
  }
}

absl::Status Pods::Release(const std::string& key) {
  if (parts_.leases->Find(key) == nullptr) return absl::OkStatus();
  // An ADD that is still waiting has lost its purpose.
  if (auto found = waiting_.find(key); found != waiting_.end()) {
    Waiting waiting = std::move(found->second);
    waiting_.erase(found);
    if (waiting.timer != 0) parts_.loop->Cancel(waiting.timer);
    waiting.done(absl::AbortedError(absl::StrCat("sandbox ", key, " was released in the meantime")));
  }
  RETURN_IF_ERROR(Withdraw(key));
  ++counters_.deleted;
  return absl::OkStatus();
}

absl::Status Pods::Withdraw(const std::string& key) {
  const Lease* found = parts_.leases->Find(key);
  if (found == nullptr) return absl::OkStatus();
  const Lease lease = *found;
  // On a full disk the old record stays on disk; a restart then finds the link gone and comes here again.
  if (absl::Status status = parts_.leases->BeginRelease(key); !status.ok()) {
    spdlog::warn("{}", std::string(status.message()));
  }
  // Before the link: the routes that go with it need the lock that deleting a device holds on to. What is
  // not applied now is applied with the next change or check; without an endpoint the link drops.
  if (lease.state == LeaseState::kCommitted) parts_.sink->ApplyEndpoint(key).IgnoreError();
  uint32_t ifindex = lease.ifindex;
  if (ifindex == 0) {
    // An ADD that failed, or was killed, between attaching and the record of it.
    const absl::StatusOr<uint32_t> link = parts_.links->Find(lease.host_interface);
    if (link.ok()) ifindex = *link;
  }
  RETURN_IF_ERROR(parts_.links->Delete(lease.host_interface));
  if (ifindex != 0) RETURN_IF_ERROR(parts_.datapath->DetachPod(ifindex));
  parts_.leases->FinishRelease(key);
  missing_.erase(key);
  return absl::OkStatus();
}

absl::Status Pods::Check(const std::string& key, const std::string& mac,
                         const std::vector<IpAddress>& addresses) {
  const Lease* lease = parts_.leases->Find(key);
  if (lease == nullptr || lease->state != LeaseState::kCommitted) {
    return absl::NotFoundError(absl::StrCat("check sandbox ", key, ": it was never added, or is gone"));
  }
  if (!mac.empty() && mac != netlink::MacToString(lease->mac)) {
    return Changed(absl::StrCat("check ", lease->pod(), ": its interface has the address ", mac,
                                ", the datapath admits ", netlink::MacToString(lease->mac)));
  }
  for (const IpAddress& address : lease->addresses) {
    if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) {
      return Changed(
          absl::StrCat("check ", lease->pod(), ": address ", address.ToString(), " is not on its interface"));
    }
  }
  absl::StatusOr<uint32_t> ifindex = parts_.links->Find(lease->host_interface);
  if (!ifindex.ok() || *ifindex != lease->ifindex) {
    return Changed(
        absl::StrCat("check ", lease->pod(), ": device ", lease->host_interface, " is gone or another one"));
  }
  return WrapError(parts_.datapath->CheckEndpoint(key), absl::StrCat("check ", lease->pod()));
}

absl::Status Pods::Collect(const std::set<std::string>& valid) {
  std::vector<std::string> stale;
  for (const auto& [key, lease] : parts_.leases->live()) {
    if (!valid.contains(key) && lease.state != LeaseState::kPrepared) stale.push_back(key);
  }
  absl::Status result;
  for (const std::string& key : stale) {
    spdlog::info("GC: the runtime no longer knows sandbox {}", key);
    result.Update(Release(key));
  }
  result.Update(Reconcile());
  return result;
}

// Somebody set a pod's link down by hand: with it its routes went, too.
absl::Status Pods::BringUpAgain(const std::map<std::string, uint32_t>& links) {
  ASSIGN_OR_RETURN(const std::set<uint32_t> down, parts_.links->Down());
  for (const auto& [key, lease] : parts_.leases->live()) {
    auto link = links.find(lease.host_interface);
    const bool running =
        lease.state == LeaseState::kCommitted && link != links.end() && link->second == lease.ifindex;
    if (!running || !down.contains(lease.ifindex)) continue;
    spdlog::warn("device {} of {} was down; it is set up again", lease.host_interface, lease.pod());
    RETURN_IF_ERROR(parts_.links->BringUp(lease.ifindex, AliasOf(lease).value_or("")));
  }
  return absl::OkStatus();
}

absl::Status Pods::Reconcile() {
  parts_.leases->ForgetCooled();
  ASSIGN_OR_RETURN(auto links, parts_.links->List());
  std::set<std::string> missing;
  std::set<std::string> recorded;
  for (const auto& [key, lease] : parts_.leases->live()) {
    recorded.insert(lease.host_interface);
    if (lease.state == LeaseState::kCommitted && !links.contains(lease.host_interface)) missing.insert(key);
  }
  for (const auto& [name, ifindex] : links) {
    if (recorded.contains(name)) continue;
    spdlog::warn("take away device {}: no pod on record has it", name);
    ++counters_.swept;
    RETURN_IF_ERROR(parts_.links->Delete(name));
    RETURN_IF_ERROR(parts_.datapath->DetachPod(ifindex));
  }
  RETURN_IF_ERROR(BringUpAgain(links));
  // A namespace that went away without a DEL took its link along. The runtime may be about to say so:
  // only what was missing the last time as well is released here.
  std::vector<std::string> gone;
  for (const auto& [key, lease] : parts_.leases->live()) {
    if (lease.state == LeaseState::kReleasing) gone.push_back(key);  // a step of it has failed before
  }
  std::set_intersection(missing.begin(), missing.end(), missing_.begin(), missing_.end(),
                        std::back_inserter(gone));
  missing_ = std::move(missing);
  for (const std::string& key : gone) {
    spdlog::info("release sandbox {}: its network namespace is gone, or an earlier try has failed", key);
    RETURN_IF_ERROR(Release(key));
  }
  return absl::OkStatus();
}

}  // namespace fairlead::agent
