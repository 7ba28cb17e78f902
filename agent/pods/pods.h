// The life of a pod's link on this node: prepared, committed once its policy is in the kernel, released;
// adopted or taken away when the agent starts; compared with the kernel ever after.
//
//   prepared --link made by the plugin--> [waits for the pod's policy] --programs, up, maps--> committed
//
// Invariants: a record is on disk before a link exists and until none does; a link is up only with
// programs on it; the plugin hears "done" only after the datapath holds the pod's policy.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/endpoint_source.h"
#include "agent/pods/lease_table.h"
#include "agent/pods/links.h"
#include "base/event_loop.h"
#include "datapath/datapath.h"

namespace fairlead::agent {

class Pods : public EndpointSource {
 public:
  using Done = std::function<void(const absl::Status&)>;

  struct Parts {
    LeaseTable* leases = nullptr;
    Links* links = nullptr;
    datapath::Datapath* datapath = nullptr;
    EndpointSink* sink = nullptr;
    EventLoop* loop = nullptr;
  };
  struct Counters {
    uint64_t added = 0, add_failed = 0, deleted = 0, adopted = 0, swept = 0, rebuilt = 0;
  };

  // `policy_wait`: how long a Commit waits for a pod's policy.
  Pods(Parts parts, std::chrono::milliseconds policy_wait) : parts_(parts), policy_wait_(policy_wait) {}

  // At the agent's start: committed pods whose link lives are adopted, everything else is released. A link
  // that no record has, but that says whose it is (link_alias.h), gets its record back.
  absl::Status Adopt();

  // CNI ADD, first half. Makes sure that no link of that name is left from an earlier life.
  absl::StatusOr<Lease> Prepare(const LeaseTable::Request& request);
  // Second half; `done` is called once, at once or later.
  void Commit(const std::string& key, uint32_t ifindex, Done done);
  // The plugin went away before it was told "done"; a pod that had been committed before stays.
  void Abandon(const std::string& key);
  // DEL: OK when there is nothing (any more).
  absl::Status Release(const std::string& key);
  // CHECK, against record, link and datapath.
  absl::Status Check(const std::string& key, const std::string& mac, const std::vector<IpAddress>& addresses);
  // GC: everything that is not in `valid` and not under way goes.
  absl::Status Collect(const std::set<std::string>& valid);

  std::vector<datapath::LocalEndpoint> Endpoints() const override;
  std::vector<PoolUsage> Pools() const override;
  void SetPodCidrs(const std::vector<IpPrefix>& cidrs) override { parts_.leases->SetPools(cidrs); }
  // Goes on with commits whose policy has come.
  void OnApplied() override;
  // Compares records with the links of the kernel, both ways.
  absl::Status Reconcile() override;

  bool IsWaiting(const std::string& key) const { return waiting_.contains(key); }
  const LeaseTable& leases() const { return *parts_.leases; }
  const Counters& counters() const { return counters_; }

 private:
  struct Waiting {
    uint32_t ifindex = 0;
    Done done;
    EventLoop::TimerId timer = 0;
  };

  bool KnowsPolicy(const Lease& lease) const;
  void RebuildRecords(const std::map<std::string, uint32_t>& links);
  absl::Status Realise(const std::string& key, uint32_t ifindex);
  void Finish(const std::string& key, const absl::Status& status);
  absl::Status Withdraw(const std::string& key);
  absl::Status BringUpAgain(const std::map<std::string, uint32_t>& links);

  Parts parts_;
  std::chrono::milliseconds policy_wait_;
  std::map<std::string, Waiting> waiting_;  // by key
  std::set<std::string> missing_;           // keys whose link was gone at the last Reconcile
  Counters counters_;
};

}  // namespace fairlead::agent
