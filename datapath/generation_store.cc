#include "datapath/generation_store.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/cleanup/cleanup.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"

namespace fairlead::datapath {

GenerationStore::GenerationStore(KernelMaps& kernel, WriteStats& stats)
    : kernel_(kernel),
      rows_(kernel, stats),
      indexes_(1, kernel.Capacity(MapId::kPolicyGeneration) - 1),
      rule_spans_(0, kernel.Capacity(MapId::kPolicyRule)),
      generations_(kernel, stats),
      rules_(kernel, stats),
      class_rows_(kernel, stats),
      port_rows_(kernel, stats) {}

absl::Status GenerationStore::Load() {
  RETURN_IF_ERROR(generations_.Load());
  RETURN_IF_ERROR(rules_.Load());
  RETURN_IF_ERROR(class_rows_.Load());
  RETURN_IF_ERROR(port_rows_.Load());
  absl::flat_hash_set<uint32_t> found;
  for (const auto& [index, value] : generations_.held()) {
    found.insert(index);
    last_number_ = std::max(last_number_, value.number);
  }
  for (const auto& [key, row] : class_rows_.held()) found.insert(key.generation);
  for (const auto& [key, row] : port_rows_.held()) found.insert(ntohl(key.generation));
  for (const uint32_t index : found) indexes_.Adopt(index);
  strays_.assign(found.begin(), found.end());
  return absl::OkStatus();
}

absl::StatusOr<Generation> GenerationStore::Adopt(uint32_t index) {
  Generation generation{.index = index, .value = generations_.Get(index)};
  const fl_policy_generation& value = generation.value;
  auto broken = [&](const std::string& why) {
    return absl::DataLossError(absl::StrCat("adopt policy_generation[", index, "]: ", why));
  };
  if (value.rule_count == 0 || value.rule_count > FL_MAX_RULES_PER_SET ||
      value.word_count != (value.rule_count + 63) / 64 ||
      value.summary_count != (value.word_count + 63) / 64) {
    return broken("its counts contradict each other");
  }
  if (!rule_spans_.Adopt(value.rule_base, value.rule_count)) return broken("its rules overlap another's");
  std::vector<uint32_t> adopted;
  auto adopt_row = [&](uint32_t offset) {
    absl::Status status = rows_.Adopt(offset, value.summary_count);
    if (status.ok()) adopted.push_back(offset);
    return status;
  };
  auto undo = absl::MakeCleanup([&] {
    for (const uint32_t offset : adopted) rows_.Release(offset);
    rule_spans_.Return(value.rule_base, value.rule_count);
  });
  RETURN_IF_ERROR(adopt_row(value.any_peer_row));
  RETURN_IF_ERROR(adopt_row(value.any_port_row));
  for (const auto& [key, row] : class_rows_.held()) {
    if (key.generation != index) continue;
    RETURN_IF_ERROR(adopt_row(row));
    generation.class_rows[key.class_id] = row;
  }
  for (const auto& [key, row] : port_rows_.held()) {
    if (ntohl(key.generation) != index) continue;
    RETURN_IF_ERROR(adopt_row(row));
    generation.port_rows[key] = row;
  }
  std::move(undo).Cancel();
  std::erase(strays_, index);
  return generation;
}

bool GenerationStore::Recognise(Generation& generation, const SharedRules& rules,
                                const ClassesById& classes) const {
  const SetImage image = BuildImage(*rules);
  const fl_policy_generation& value = generation.value;
  if (value.rule_count != image.actions.size() || Actions(value) != image.actions) return false;
  if (rows_.At(value.any_peer_row) != image.any_peer || rows_.At(value.any_port_row) != image.any_port) {
    return false;
  }
  if (generation.port_rows.size() != image.ports.size()) return false;
  for (const auto& [prefix, row] : image.ports) {
    auto held = generation.port_rows.find(PortKey(generation.index, prefix));
    if (held == generation.port_rows.end() || rows_.At(held->second) != row) return false;
  }
  for (const auto& [id, key] : classes) {
    if (rows_.At(generation.RowOf(id)) != BuildClassRow(*rules, key.groups)) return false;
  }
  generation.rules = rules;
  return true;
}

absl::StatusOr<Generation> GenerationStore::Build(const SharedRules& rules, const ClassesById& classes) {
  const auto rule_count = static_cast<uint32_t>(rules->rules.size());
  if (rule_count == 0 || rule_count > FL_MAX_RULES_PER_SET) {
    return absl::InvalidArgumentError(absl::StrCat("it has ", rule_count, " rules; a set may have 1 to ",
                                                   FL_MAX_RULES_PER_SET, " (docs/limits.md)"));
  }
  Generation generation;
  generation.rules = rules;
  const std::optional<uint32_t> index = indexes_.Take();
  if (!index) return FullError(MapId::kPolicyGeneration, indexes_.used(), indexes_.capacity());
  generation.index = *index;
  const std::optional<uint32_t> base = rule_spans_.Take(rule_count);
  if (!base) {
    indexes_.Retire(*index);
    return FullError(MapId::kPolicyRule, rule_spans_.used(), rule_spans_.capacity());
  }
  generation.value.rule_base = *base;
  generation.value.rule_count = rule_count;
  if (absl::Status written = Write(generation, classes); !written.ok()) {
    Retire(std::move(generation));
    return written;
  }
  return generation;
}

absl::Status GenerationStore::Write(Generation& generation, const ClassesById& classes) {
  const SetImage image = BuildImage(*generation.rules);
  fl_policy_generation& value = generation.value;
  value.word_count = image.word_count;
  value.summary_count = (image.word_count + 63) / 64;
  value.number = ++last_number_;
  value.any_peer_row = value.any_port_row = FL_MAX_ROW_WORDS;  // not taken yet; see Free
  ASSIGN_OR_RETURN(value.any_peer_row, rows_.Acquire(image.any_peer));
  ASSIGN_OR_RETURN(value.any_port_row, rows_.Acquire(image.any_port));
  for (uint32_t i = 0; i < value.rule_count; ++i) {
    RETURN_IF_ERROR(rules_.Set(value.rule_base + i, fl_policy_rule{image.actions[i]}));
  }
  for (const auto& [prefix, row] : image.ports) {
    const fl_port_row_key key = PortKey(generation.index, prefix);
    ASSIGN_OR_RETURN(generation.port_rows[key], rows_.Acquire(row));
    RETURN_IF_ERROR(port_rows_.Set(key, generation.port_rows[key]));
  }
  for (const auto& [id, key] : classes) RETURN_IF_ERROR(AddClass(generation, id, key));
  RETURN_IF_ERROR(generations_.Set(generation.index, value));
  return CheckWritten(generation, image.actions);
}

absl::Status GenerationStore::AddClass(Generation& generation, uint32_t class_id, const ClassKey& key) {
  // What a predecessor's rules say of a class that it knew stays as it is.
  if (generation.rules == nullptr && key.alias == 0) return absl::OkStatus();
  const uint32_t held = generation.RowOf(class_id);
  const StoredRow row = generation.rules != nullptr ? BuildClassRow(*generation.rules, key.groups)
                                                    : rows_.At(generation.RowOf(key.alias));
  if (rows_.At(held) == row) return absl::OkStatus();
  if (rows_.At(generation.value.any_peer_row) == row) return RemoveClass(generation, class_id);
  ASSIGN_OR_RETURN(const uint32_t offset, rows_.Acquire(row));
  absl::Status written = class_rows_.Set({generation.index, class_id}, offset);
  if (!written.ok()) {
    rows_.Release(offset);
    return written;
  }
  if (generation.class_rows.contains(class_id)) rows_.Release(held);
  generation.class_rows[class_id] = offset;
  return absl::OkStatus();
}

absl::Status GenerationStore::RemoveClass(Generation& generation, uint32_t class_id) {
  auto row = generation.class_rows.find(class_id);
  if (row == generation.class_rows.end()) return absl::OkStatus();
  RETURN_IF_ERROR(class_rows_.Erase({generation.index, class_id}));
  rows_.Release(row->second);
  generation.class_rows.erase(row);
  return absl::OkStatus();
}

std::vector<uint32_t> GenerationStore::Actions(const fl_policy_generation& value) const {
  std::vector<uint32_t> actions;
  actions.reserve(value.rule_count);
  for (uint32_t i = 0; i < value.rule_count; ++i) actions.push_back(rules_.Get(value.rule_base + i).action);
  return actions;
}

absl::Status GenerationStore::CheckWritten(const Generation& generation,
                                           const std::vector<uint32_t>& actions) const {
  const fl_policy_generation& value = generation.value;
  uint64_t missing = 0;
  std::vector<fl_policy_rule> rules(actions.size());
  RETURN_IF_ERROR(kernel_.ReadSpan(MapId::kPolicyRule, value.rule_base, rules.data(), value.rule_count));
  for (size_t i = 0; i < actions.size(); ++i) missing += rules[i].action != actions[i];
  uint32_t offset = 0;
  for (const auto& [key, row] : generation.port_rows) {
    ASSIGN_OR_RETURN(const bool found, kernel_.Lookup(MapId::kRowByPort, &key, &offset));
    missing += !found || offset != row;
  }
  for (const auto& [id, row] : generation.class_rows) {
    const fl_class_row_key key{generation.index, id};
    ASSIGN_OR_RETURN(const bool found, kernel_.Lookup(MapId::kRowByClass, &key, &offset));
    missing += !found || offset != row;
  }
  fl_policy_generation held;
  ASSIGN_OR_RETURN(const bool found, kernel_.Lookup(MapId::kPolicyGeneration, &generation.index, &held));
  missing += !found || BytesOf(held) != BytesOf(value);
  if (missing == 0) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("read back policy_generation[", generation.index, "]: ", missing,
                                          " entries are not as written; it will be built anew"));
}

absl::Status GenerationStore::Free(const Generation& generation) {
  RETURN_IF_ERROR(generations_.Erase(generation.index));
  for (const auto& [id, row] : generation.class_rows) {
    RETURN_IF_ERROR(class_rows_.Erase({generation.index, id}));
  }
  for (const auto& [key, row] : generation.port_rows) RETURN_IF_ERROR(port_rows_.Erase(key));
  // All entries are gone; from here on nothing can fail.
  for (const auto& [id, row] : generation.class_rows) rows_.Release(row);
  for (const auto& [key, row] : generation.port_rows) rows_.Release(row);
  for (const uint32_t row : {generation.value.any_peer_row, generation.value.any_port_row}) {
    if (row != FL_MAX_ROW_WORDS) rows_.Release(row);
  }
  rule_spans_.Return(generation.value.rule_base, generation.value.rule_count);
  indexes_.Retire(generation.index);
  return absl::OkStatus();
}

absl::Status GenerationStore::Reclaim() {
  while (!garbage_.empty()) {
    RETURN_IF_ERROR(Free(garbage_.back()));
    garbage_.pop_back();
  }
  if (!strays_.empty()) {
    const absl::flat_hash_set<uint32_t> strays(strays_.begin(), strays_.end());
    std::vector<fl_class_row_key> classes;
    for (const auto& [key, row] : class_rows_.held()) {
      if (strays.contains(key.generation)) classes.push_back(key);
    }
    std::vector<fl_port_row_key> ports;
    for (const auto& [key, row] : port_rows_.held()) {
      if (strays.contains(ntohl(key.generation))) ports.push_back(key);
    }
    for (const auto& key : classes) RETURN_IF_ERROR(class_rows_.Erase(key));
    for (const auto& key : ports) RETURN_IF_ERROR(port_rows_.Erase(key));
    for (const uint32_t index : strays_) {
      RETURN_IF_ERROR(generations_.Erase(index));
      indexes_.Retire(index);
    }
    strays_.clear();
  }
  indexes_.Reclaim();
  rows_.Reclaim();
  return absl::OkStatus();
}

absl::Status GenerationStore::Verify() {
  RETURN_IF_ERROR(rows_.Verify());
  RETURN_IF_ERROR(rules_.Verify());
  RETURN_IF_ERROR(port_rows_.Verify());
  RETURN_IF_ERROR(class_rows_.Verify());
  return generations_.Verify();
}

}  // namespace fairlead::datapath
