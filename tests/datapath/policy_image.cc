#include "tests/datapath/policy_image.h"

#include <arpa/inet.h>

#include <cstring>

#include "datapath/abi_convert.h"
#include "tests/datapath/kernel_view.h"

namespace fairlead::datapath {
namespace {

template <typename T>
T Value(const std::string& bytes) {
  T value;
  memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

template <MapId id>
typename MapTypes<id>::Value At(const FakeKernel& kernel, uint32_t index) {
  return Read<uint32_t, typename MapTypes<id>::Value>(kernel, id, index)
      .value_or(typename MapTypes<id>::Value{});
}

policy::Row RowAt(const FakeKernel& kernel, const fl_policy_generation& generation, uint32_t offset) {
  policy::Row row(generation.word_count);
  uint32_t next = offset + generation.summary_count;
  for (uint32_t i = 0; i < generation.word_count; ++i) {
    // A word that the summary leaves out is not there.
    const uint64_t summary = At<MapId::kRowWord>(kernel, offset + i / 64);
    if ((summary >> (i % 64) & 1) != 0) row[i] = At<MapId::kRowWord>(kernel, next++);
  }
  return row;
}

std::optional<SetContent> ContentOf(const FakeKernel& kernel, uint32_t set) {
  if (set == FL_SET_OPEN) return std::nullopt;
  const uint32_t number = At<MapId::kPolicySet>(kernel, set).generation;
  const auto generation = At<MapId::kPolicyGeneration>(kernel, number);
  SetContent image;
  for (uint32_t i = 0; i < generation.rule_count; ++i) {
    image.actions.push_back(At<MapId::kPolicyRule>(kernel, generation.rule_base + i).action);
  }
  image.any_peer = RowAt(kernel, generation, generation.any_peer_row);
  image.any_port = RowAt(kernel, generation, generation.any_port_row);
  const auto add_peer = [&](uint32_t length, const fl_address& address, uint32_t class_id) {
    const fl_class_row_key key{.generation = number, .class_id = class_id};
    const auto row = Read<fl_class_row_key, uint32_t>(kernel, MapId::kRowByClass, key);
    image.peers[{length, FromAbi(address).ToString()}] =
        RowAt(kernel, generation, row.value_or(generation.any_peer_row));
  };
  for (const auto& [key, value] : kernel.Contents(MapId::kClassByAddress)) {
    add_peer(128, Value<fl_address>(key), Value<uint32_t>(value));
  }
  for (const auto& [key, value] : kernel.Contents(MapId::kClassByPrefix)) {
    const auto prefix = Value<fl_address_prefix>(key);
    add_peer(prefix.length, prefix.address, Value<uint32_t>(value));
  }
  for (const auto& [bytes, value] : kernel.Contents(MapId::kRowByPort)) {
    const auto key = Value<fl_port_row_key>(bytes);
    if (ntohl(key.generation) != number) continue;
    image.ports[{{key.protocol, key.length}, uint32_t{key.port[0]} << 8 | key.port[1]}] =
        RowAt(kernel, generation, Value<uint32_t>(value));
  }
  return image;
}

}  // namespace

std::map<std::string, PodContent> PolicyIn(const FakeKernel& kernel) {
  std::map<std::string, PodContent> image;
  for (const auto& [key, value] : kernel.Contents(MapId::kLocation)) {
    if (Value<fl_location>(value).kind != FL_LOCATION_LOCAL_POD) continue;
    const auto endpoint = At<MapId::kEndpoint>(kernel, Value<fl_location>(value).index);
    image[FromAbi(Value<fl_address>(key)).ToString()] = {ContentOf(kernel, endpoint.ingress_set),
                                                         ContentOf(kernel, endpoint.egress_set)};
  }
  return image;
}

}  // namespace fairlead::datapath
