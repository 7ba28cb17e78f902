// Services and host ports in the kernel: backends first, then ranges, then one write of a front end
// publishes a new set of backends.
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

namespace fairlead::datapath {

class ServiceTable {
 public:
  ServiceTable(KernelMaps& kernel, WriteStats& stats);

  absl::Status Load();
  void Publish(const DesiredState& desired, Failures& failures);
  // What is no longer wanted; once everything is known.
  void Retire(const DesiredState& desired, Failures& failures);

  bool HasGarbage() const { return backends_.HasGarbage(); }
  void Reclaim();
  absl::Status Verify();

  // For people. "shop/cart"; "" when unknown.
  std::string NameOf(uint32_t number) const;
  // Of the front end that a packet to this address meets; node ports are found by any address.
  std::string NameAt(const IpAddress& address, uint16_t port, uint8_t protocol) const;
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
    std::vector<PortMapping> mappings;
    std::vector<IpAddress> addresses;

    bool operator==(const HostPorts&) const = default;
  };

  void DropGone(const DesiredState& desired);
  bool PublishHolder(const HolderName& holder, Ports wanted, Failures& failures);
  absl::Status Write(const HolderName& holder, const Ports& plan);
  absl::Status WritePort(const PlannedPort& port);
  absl::Status WriteFrontend(const PlannedPort& port, const PlannedFrontend& frontend, uint32_t number);
  absl::Status Claim(const HolderName& holder, const fl_frontend_key& key);
  absl::StatusOr<uint32_t> Number(const PlannedPort& port);
  // Front ends and owners that are in `old` and not in `now` go when everything is known.
  void Abandon(const HolderName& holder, const Ports& old, const Ports& now);
  absl::Status RemoveAbandoned();
  absl::Status RemoveFrontend(const fl_frontend_key& key);
  void Forget(const HolderName& holder);

  BackendStore backends_;
  Table<MapId::kFrontend> frontends_;
  IdPool number_ids_;
  std::map<std::string, uint32_t> numbers_;  // owner -> number
  std::map<uint32_t, std::string> owners_;   // and back
  std::map<std::string, Service> services_;  // as written
  std::map<std::string, HostPorts> pods_;
  std::map<HolderName, Ports> plans_;  // as written, or tried to
  std::map<fl_frontend_key, HolderName, KeyOrder> claims_;
  std::set<fl_frontend_key, KeyOrder> unclaimed_;  // to go when everything is known
  std::set<std::string> abandoned_;                // owners, likewise
  std::string node_;
};

}  // namespace fairlead::datapath
