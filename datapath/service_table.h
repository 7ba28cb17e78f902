// Services and host ports in the kernel: backends first, then ranges, then one write of a front end
// publishes a new set of backends. Backends go when no front end leads to them any more.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datapath/backend_store.h"
#include "datapath/desired_state.h"
#include "datapath/failures.h"
#include "datapath/service_plan.h"
#include "datapath/state_changes.h"

namespace fairlead::datapath {

class ServiceTable {
 public:
  ServiceTable(KernelMaps& kernel, WriteStats& stats);

  absl::Status Load();
  void Publish(const DesiredState& desired, const StateChanges& changes, Failures& failures);
  // What is no longer wanted; once everything is known.
  void Retire(const DesiredState& desired, Failures& failures);

  bool HasGarbage() const { return backends_.HasGarbage(); }
  void Reclaim();
  absl::Status Verify();

  // For people. "shop/cart"; "" when unknown.
  std::string NameOf(uint32_t number) const;
  // Of the front end that a packet to this address meets; node ports are found by any address.
  std::string NameAt(const IpAddress& address, uint16_t port, uint8_t protocol) const;
  // Backends that it gives to new connections.
  std::vector<BackendAddress> BackendsAt(const IpAddress& address, uint16_t port, uint8_t protocol) const;
  const BackendStore& backends() const { return backends_; }
  uint64_t backend_removals() const { return backends_.removals(); }
  BackendAddress BackendAt(uint32_t index) const { return backends_.At(index); }

 private:
  struct KeyOrder {
    bool operator()(const fl_frontend_key& a, const fl_frontend_key& b) const {
      return BytesOf(a) < BytesOf(b);
    }
  };
  using Ports = std::vector<PlannedPort>;
  // Who front ends belong to: a Service by name, or a pod with host ports by key.
  using HolderName = std::pair<std::string, std::string>;  // kind, name

  struct HostPorts {
    std::string pod;  // "shop/cart-0"
    std::vector<PortMapping> mappings;
    std::vector<IpAddress> addresses;

    bool operator==(const HostPorts&) const = default;
  };

  // Holders that may differ from what is in force.
  void NameAll(const DesiredState& desired);
  void NameChanged(const StateChanges& changes);
  bool Wanted(const DesiredState& desired, const HolderName& holder) const;
  // What the holder wants is what is in force.
  static HostPorts HostPortsOf(const LocalEndpoint& endpoint);
  // For people: "Service shop/cart", "the hostPort of pod shop/cart-0".
  std::string Describe(const HolderName& holder) const;
  bool IsCurrent(const DesiredState& desired, const HolderName& holder) const;
  void Drop(const HolderName& holder);
  bool PublishHolder(const DesiredState& desired, const HolderName& holder, Failures& failures);
  // Front ends that somebody else has are refused; the others are the holder's all the same.
  absl::Status ClaimAll(const HolderName& holder, const Ports& plan);
  absl::Status Write(const HolderName& holder, const Ports& plan);
  absl::Status WritePort(const HolderName& holder, const PlannedPort& port);
  absl::Status WriteFrontend(const PlannedPort& port, const PlannedFrontend& frontend, uint32_t number);
  absl::Status Claim(const HolderName& holder, const fl_frontend_key& key);
  absl::StatusOr<uint32_t> Number(const PlannedPort& port);
  // Front ends and owners that are in `old` and not in `now` go when everything is known.
  void Abandon(const HolderName& holder, const Ports& old, const Ports& now);
  absl::Status RemoveAbandoned();
  absl::Status RemoveFrontend(const fl_frontend_key& key);
  void Forget(const HolderName& holder);
  const fl_frontend* FrontendAt(const IpAddress& address, uint16_t port, uint8_t protocol) const;

  BackendStore backends_;
  Table<MapId::kFrontend> frontends_;
  IdPool number_ids_;
  std::map<std::string, uint32_t> numbers_;  // owner -> number
  std::map<uint32_t, std::string> owners_;   // and back
  std::map<std::string, Service> services_;  // as written
  std::map<std::string, HostPorts> pods_;
  std::map<HolderName, Ports> plans_;  // as written, or tried to
  std::set<HolderName> due_;           // to be tried at the next Publish, whatever changes
  std::map<fl_frontend_key, HolderName, KeyOrder> claims_;
  std::set<fl_frontend_key, KeyOrder> unclaimed_;  // to go when everything is known
  // Of Service ports written since the last Retire: the backends that are to stay, by number.
  std::map<uint32_t, std::vector<BackendAddress>> kept_;
  std::set<uint32_t> adopted_;       // numbers of a predecessor; until everything is known
  std::set<std::string> abandoned_;  // owners, likewise
  std::string node_;
};

}  // namespace fairlead::datapath
