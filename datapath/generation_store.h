// Generations of policy sets: each a complete, never changing translation of a set's rules, except
// that classes are added to it as they come up. Nothing here publishes: a generation is reachable
// only when a set's entry points to it (set_table.h).
//
// A generation adopted from a predecessor has no rules that we know until Recognise finds that it
// says the same as a set that is wanted.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datapath/address_class.h"
#include "datapath/id_pool.h"
#include "datapath/row_store.h"
#include "datapath/set_image.h"
#include "datapath/span_pool.h"
#include "datapath/table.h"

namespace fairlead::datapath {

using SharedRules = std::shared_ptr<const policy::PolicySet>;
using ClassesById = absl::flat_hash_map<uint32_t, ClassKey>;

struct Generation {
  uint32_t index = 0;
  SharedRules rules;  // null: a predecessor's
  fl_policy_generation value{};
  absl::flat_hash_map<uint32_t, uint32_t> class_rows;  // class -> row; absent: value.any_peer_row
  ByteMap<fl_port_row_key, uint32_t> port_rows;

  uint32_t RowOf(uint32_t class_id) const {
    auto row = class_rows.find(class_id);
    return row == class_rows.end() ? value.any_peer_row : row->second;
  }
};

class GenerationStore {
 public:
  GenerationStore(KernelMaps& kernel, WriteStats& stats);

  // Reads what a predecessor left. Entries that belong to no generation are deleted by Reclaim.
  absl::Status Load();
  // A generation that a set points to. DATA_LOSS when it is not whole.
  absl::StatusOr<Generation> Adopt(uint32_t index);
  // The generation says what `rules` say for all `classes`: from now on it is known by them.
  bool Recognise(Generation& generation, const SharedRules& rules, const ClassesById& classes) const;

  // Writes everything that `rules` need, then reads it back and counts it. On failure all of it is
  // given back, as nothing points there.
  absl::StatusOr<Generation> Build(const SharedRules& rules, const ClassesById& classes);
  // Writes the class's row into a generation that may be in force.
  absl::Status AddClass(Generation& generation, uint32_t class_id, const ClassKey& key);
  // After a grace period in which no address had the class.
  absl::Status RemoveClass(Generation& generation, uint32_t class_id);
  // No set points to it any more.
  void Retire(Generation generation) { garbage_.push_back(std::move(generation)); }

  bool HasGarbage() const { return !garbage_.empty() || !strays_.empty() || rows_.HasGarbage(); }
  // After a grace period: frees what retired generations held.
  absl::Status Reclaim();
  absl::Status Verify();
  uint32_t generations_used() const { return indexes_.used(); }
  uint32_t rules_used() const { return rule_spans_.used(); }
  uint32_t words_used() const { return rows_.used(); }

 private:
  absl::Status Write(Generation& generation, const ClassesById& classes);
  absl::Status CheckWritten(const Generation& generation, const std::vector<uint32_t>& actions) const;
  absl::Status Free(const Generation& generation);
  std::vector<uint32_t> Actions(const fl_policy_generation& value) const;

  KernelMaps& kernel_;
  RowStore rows_;
  IdPool indexes_;
  SpanPool rule_spans_;
  Table<MapId::kPolicyGeneration> generations_;
  Table<MapId::kPolicyRule> rules_;
  Table<MapId::kRowByClass> class_rows_;
  Table<MapId::kRowByPort> port_rows_;
  uint32_t last_number_ = 0;
  std::vector<Generation> garbage_;
  std::vector<uint32_t> strays_;  // generations found at start that no set points to
};

}  // namespace fairlead::datapath
