#include "tests/datapath/late_readers.h"

#include <arpa/inet.h>

#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "datapath/abi/policy.h"
#include "datapath/abi/service.h"
#include "datapath/map_limits.h"
#include "datapath/map_table.h"

namespace fairlead::datapath {
namespace {

template <typename T>
std::string Bytes(const T& value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
}

// Zero where there are too few, as of an entry that is absent.
template <typename T>
T Value(const std::string& bytes) {
  T value{};
  if (bytes.size() == sizeof(value)) memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

template <typename T, typename Key>
T At(const FakeKernel& kernel, MapId map, const Key& key) {
  const auto& contents = kernel.Contents(map);
  auto found = contents.find(Bytes(key));
  return found == contents.end() ? T{} : Value<T>(found->second);
}

// An array has zeroes where nothing is.
std::string Present(MapId map, const std::string& value) {
  return IsArray(map) && value.find_first_not_of('\0') == std::string::npos ? "" : value;
}

}  // namespace

LateReaders::LateReaders(const FakeKernel& kernel) : kernel_(kernel), grace_periods_(kernel.grace_periods) {
  for (const MapId map :
       {MapId::kPolicySet, MapId::kClassByAddress, MapId::kClassByPrefix, MapId::kFrontend}) {
    leading_[map] = kernel.Contents(map);
  }
}

void LateReaders::Hold(MapId map, const std::string& key) {
  const auto& contents = kernel_.Contents(map);
  auto found = contents.find(key);
  ++held_count_;
  expected_[{map, key}] = found == contents.end() ? "" : found->second;
}

void LateReaders::HoldRow(uint32_t generation, uint32_t offset) {
  const auto value = At<fl_policy_generation>(kernel_, MapId::kPolicyGeneration, generation);
  for (uint32_t i = 0; i < value.summary_count + value.word_count; ++i) {
    Hold(MapId::kRowWord, Bytes(offset + i));
  }
}

void LateReaders::HoldGeneration(uint32_t generation) {
  if (generation == 0) return;
  const auto value = At<fl_policy_generation>(kernel_, MapId::kPolicyGeneration, generation);
  Hold(MapId::kPolicyGeneration, Bytes(generation));
  for (uint32_t i = 0; i < value.rule_count; ++i) Hold(MapId::kPolicyRule, Bytes(value.rule_base + i));
  HoldRow(generation, value.any_peer_row);
  HoldRow(generation, value.any_port_row);
  for (const auto& [key, row] : kernel_.Contents(MapId::kRowByClass)) {
    if (Value<fl_class_row_key>(key).generation != generation) continue;
    Hold(MapId::kRowByClass, key);
    HoldRow(generation, Value<uint32_t>(row));
  }
  for (const auto& [key, row] : kernel_.Contents(MapId::kRowByPort)) {
    if (ntohl(Value<fl_port_row_key>(key).generation) != generation) continue;
    Hold(MapId::kRowByPort, key);
    HoldRow(generation, Value<uint32_t>(row));
  }
}

void LateReaders::HoldClass(uint32_t class_id) {
  for (const auto& [index, entry] : kernel_.Contents(MapId::kPolicySet)) {
    const fl_class_row_key key{Value<fl_policy_set>(entry).generation, class_id};
    const auto& rows = kernel_.Contents(MapId::kRowByClass);
    auto row = rows.find(Bytes(key));
    if (row == rows.end()) continue;
    Hold(MapId::kRowByClass, row->first);
    HoldRow(key.generation, Value<uint32_t>(row->second));
  }
}

void LateReaders::HoldOld(MapId map, const std::string& old, const std::string& now) {
  if (map == MapId::kFrontend) {
    const auto frontend = Value<fl_frontend>(old);
    for (uint32_t i = 0; i < frontend.count; ++i) Hold(MapId::kBackendId, Bytes(frontend.first + i));
  } else if (map == MapId::kPolicySet) {
    const uint32_t generation = Value<fl_policy_set>(old).generation;
    if (generation != Value<fl_policy_set>(now).generation) HoldGeneration(generation);
  } else {
    HoldClass(Value<uint32_t>(old));
  }
}

std::string LateReaders::After(const FakeKernel::Write& write) {
  if (kernel_.grace_periods != grace_periods_) expected_.clear();
  grace_periods_ = kernel_.grace_periods;
  auto expected = expected_.find({write.map, write.key});
  if (expected != expected_.end() && expected->second != Present(write.map, write.value)) {
    return absl::StrCat(ShapeOf(write.map).name, "[", absl::BytesToHexString(write.key),
                        "] changed while a program could still be led to it\n");
  }
  auto leading = leading_.find(write.map);
  if (leading == leading_.end()) return "";
  std::string& value = leading->second[write.key];
  if (!value.empty()) HoldOld(write.map, value, write.value);
  value = write.value;
  return "";
}

}  // namespace fairlead::datapath
