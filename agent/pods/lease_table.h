// Every sandbox of the node with its addresses: the records in memory, on disk, and the address pools
// that follow from them (IPAM). Knows nothing of links and programs; pods.h puts the two together.
//
//   prepared -> committed -> releasing -> cooling -> forgotten
//
// Each step is on disk before the caller goes on, so that a restart finds out what was under way.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/pods/address_pool.h"
#include "agent/pods/lease_store.h"
#include "base/clock.h"

namespace fairlead::agent {

class LeaseTable {
 public:
  struct Request {
    std::string sandbox, if_name, netns;
    std::string pod_uid, namespace_name, pod_name;
    std::vector<IpAddress> requested;
    std::optional<datapath::MacAddress> requested_mac;
    std::vector<datapath::PortMapping> port_mappings;
  };
  struct PoolUsage {
    IpPrefix prefix;
    AddressPool::Counts counts;
  };

  // `store` and `clock` must outlive the table.
  LeaseTable(LeaseStore* store, const Clock* clock, int64_t cooldown_ns)
      : store_(store), clock_(clock), cooldown_ns_(cooldown_ns) {}

  // Returns the records that were damaged and set aside.
  absl::StatusOr<std::vector<LeaseStore::Damaged>> Load();
  // The node's pod CIDRs. Addresses of a range that goes away stay with their pods.
  void SetPools(const std::vector<IpPrefix>& prefixes);

  // nullptr when there is none that lives (a cooling one does not).
  const Lease* Find(const std::string& key) const;
  const std::map<std::string, Lease>& live() const { return live_; }
  // A living sandbox of that generation.
  bool Holds(uint32_t generation) const;

  // One address of each pool. A sandbox and interface that has a record keeps what it has.
  absl::StatusOr<Lease> Prepare(const Request& request);
  absl::Status Commit(const std::string& key, uint32_t ifindex);
  // A committed sandbox whose record was lost. ALREADY_EXISTS when its sandbox, its generation or an address
  // of it is on record. On a full disk it is in memory only.
  absl::Status Restore(Lease lease);
  // In memory in any case; an error tells that the record on disk still says "committed".
  absl::Status BeginRelease(const std::string& key);
  // The link is gone: the addresses begin to cool down.
  void FinishRelease(const std::string& key);
  // Forgets the records whose addresses have cooled down.
  void ForgetCooled();

  std::vector<PoolUsage> Pools() const;

 private:
  absl::StatusOr<std::vector<IpAddress>> Allocate(const Request& request);
  absl::Status CheckPortMappings(const Request& request) const;
  absl::Status Exhausted(const AddressPool& pool) const;
  absl::Status Change(const std::string& key, LeaseState state, uint32_t ifindex);
  uint32_t NextGeneration();

  LeaseStore* store_;
  const Clock* clock_;
  int64_t cooldown_ns_;
  std::vector<AddressPool> pools_;
  std::map<std::string, Lease> live_;  // by key
  std::map<uint32_t, Lease> cooling_;  // by generation
  uint32_t last_generation_ = 0;
};

}  // namespace fairlead::agent
