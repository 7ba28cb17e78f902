// The maps that the agent writes: name, key and value of each, as datapath/abi/ defines them.
// (Maps that programs fill by themselves, conntrack for one, are read elsewhere.)
#pragma once

#include <linux/types.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "datapath/abi/config.h"
#include "datapath/abi/endpoint.h"
#include "datapath/abi/policy.h"
#include "datapath/abi/service.h"

namespace fairlead::datapath {

// Key of "names": what an id stands for, so that a new agent goes on with the same ids. Written
// before the id is used. Only the agent reads it.
struct NameKey {
  uint8_t digest[16];
  uint32_t kind;  // enum NameKind
};

// X(constant, "name", key, value)
#define FAIRLEAD_TABLES(X)                                                  \
  X(kConfig, "config", uint32_t, fl_config)                                 \
  X(kEndpoint, "endpoint", uint32_t, fl_endpoint)                           \
  X(kPodDevice, "pod_device", uint32_t, uint32_t)                           \
  X(kLocation, "location", fl_address, fl_location)                         \
  X(kNode, "node", uint32_t, fl_node)                                       \
  X(kPodRange, "pod_range", fl_address_prefix, fl_pod_range)                \
  X(kClassByAddress, "class_by_address", fl_address, uint32_t)              \
  X(kClassByPrefix, "class_by_prefix", fl_address_prefix, uint32_t)         \
  X(kPolicySet, "policy_set", uint32_t, fl_policy_set)                      \
  X(kPolicyGeneration, "policy_generation", uint32_t, fl_policy_generation) \
  X(kPolicyRule, "policy_rule", uint32_t, fl_policy_rule)                   \
  X(kRowByClass, "row_by_class", fl_class_row_key, uint32_t)                \
  X(kRowByPort, "row_by_port", fl_port_row_key, uint32_t)                   \
  X(kRowWord, "row_word", uint32_t, uint64_t)                               \
  X(kFrontend, "frontend", fl_frontend_key, fl_frontend)                    \
  X(kBackendId, "backend_id", uint32_t, uint32_t)                           \
  X(kBackend, "backend", uint32_t, fl_backend)                              \
  X(kName, "names", NameKey, uint32_t)

enum class MapId {
#define FAIRLEAD_TABLE_ENUM(constant, name, key, value) constant,
  FAIRLEAD_TABLES(FAIRLEAD_TABLE_ENUM)
#undef FAIRLEAD_TABLE_ENUM
};

struct MapShape {
  const char* name;
  size_t key_size;
  size_t value_size;
};

inline constexpr std::array kMapShapes = {
#define FAIRLEAD_TABLE_SHAPE(constant, name, key, value) MapShape{name, sizeof(key), sizeof(value)},
    FAIRLEAD_TABLES(FAIRLEAD_TABLE_SHAPE)
#undef FAIRLEAD_TABLE_SHAPE
};

constexpr const MapShape& ShapeOf(MapId id) {
  return kMapShapes[static_cast<size_t>(id)];
}

// Key and value types of a map: MapTypes<MapId::kEndpoint>::Key.
template <MapId id>
struct MapTypes;
#define FAIRLEAD_TABLE_TYPES(constant, name, key, value) \
  template <>                                            \
  struct MapTypes<MapId::constant> {                     \
    using Key = key;                                     \
    using Value = value;                                 \
  };
FAIRLEAD_TABLES(FAIRLEAD_TABLE_TYPES)
#undef FAIRLEAD_TABLE_TYPES

}  // namespace fairlead::datapath
