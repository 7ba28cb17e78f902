// Backends and the ranges of their numbers: maps "backend" and "backend_id".
//
// An entry belongs to one port of one Service. While it is in use neither its address nor its
// generation changes, so connections to it never notice other backends come and go. When it is
// removed its generation counts up, and its connections end with their next packet.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datapath/id_pool.h"
#include "datapath/service_plan.h"
#include "datapath/span_pool.h"
#include "datapath/table.h"

namespace fairlead::datapath {

using BackendIds = std::vector<uint32_t>;

class BackendStore {
 public:
  BackendStore(KernelMaps& kernel, WriteStats& stats);

  absl::Status Load();
  // The range of a front end that a predecessor wrote: one reference more to it, and its backends are
  // those of the Service port with this number.
  void AdoptRange(uint32_t first, uint32_t count, uint32_t service);

  // Number of a backend of a Service port, written if it is new there.
  absl::StatusOr<uint32_t> Put(uint32_t service, const BackendAddress& backend);
  // Removes the backends of a Service port that are not in `kept`.
  absl::Status Keep(uint32_t service, const std::vector<BackendAddress>& kept);
  // Removes what a predecessor wrote and nobody has asked for.
  absl::Status RemoveOrphans();

  // First entry of a range that holds exactly `ids`; one reference more.
  absl::StatusOr<uint32_t> AcquireRange(const BackendIds& ids);
  void ReleaseRange(uint32_t first, uint32_t count);

  BackendAddress At(uint32_t index) const;
  std::vector<BackendAddress> InRange(uint32_t first, uint32_t count) const;
  bool HasGarbage() const { return indexes_.HasQuarantine() || spans_.HasQuarantine(); }
  void Reclaim();
  absl::Status Verify();
  uint32_t backends_used() const { return indexes_.used(); }
  uint32_t ids_used() const { return spans_.used(); }
  // Backends removed so far.
  uint64_t removals() const { return removals_; }

 private:
  struct Range {
    uint32_t first = 0;
    uint32_t references = 0;
  };

  absl::Status Remove(uint32_t index);
  BackendIds IdsAt(uint32_t first, uint32_t count) const;

  uint64_t removals_ = 0;
  Table<MapId::kBackend> backends_;
  Table<MapId::kBackendId> ids_;
  IdPool indexes_;
  SpanPool spans_;
  std::map<uint32_t, std::map<BackendAddress, uint32_t>> by_service_;
  std::map<BackendIds, Range> ranges_;
  std::multimap<BackendAddress, uint32_t> orphans_;
};

}  // namespace fairlead::datapath
