// How many entries each map that the agent writes has: the documented caps of docs/limits.md.
#pragma once

#include <cstdint>

#include "datapath/map_table.h"

namespace fairlead::datapath {

// Sets and classes that have a number.
inline constexpr uint32_t kMaxNames = 1 << 17;

constexpr uint32_t MaxEntries(MapId map) {
  switch (map) {
    case MapId::kConfig:
      return 1;
    case MapId::kEndpoint:
    case MapId::kPodDevice:
      return FL_MAX_ENDPOINTS;
    case MapId::kNode:
      return FL_MAX_NODES;
    case MapId::kLocation:
      return FL_MAX_LOCATIONS;
    case MapId::kPodRange:
      return FL_MAX_POD_RANGES;
    case MapId::kClassByAddress:
      return FL_MAX_CLASS_ADDRESSES;
    case MapId::kClassByPrefix:
      return FL_MAX_CLASS_PREFIXES;
    case MapId::kPolicySet:
      return FL_MAX_POLICY_SETS;
    case MapId::kPolicyGeneration:
      return FL_MAX_POLICY_GENERATIONS;
    case MapId::kPolicyRule:
      return FL_MAX_RULES;
    case MapId::kRowByClass:
      return FL_MAX_CLASS_ROWS;
    case MapId::kRowByPort:
      return FL_MAX_PORT_ROWS;
    case MapId::kRowWord:
      return FL_MAX_ROW_WORDS;
    case MapId::kFrontend:
      return FL_MAX_FRONTENDS;
    case MapId::kBackendId:
      return FL_MAX_BACKEND_IDS;
    case MapId::kBackend:
      return FL_MAX_BACKENDS;
    case MapId::kName:
      return kMaxNames;
  }
  return 0;
}

// Maps that are arrays: every index exists, an unused entry is all zero.
constexpr bool IsArray(MapId map) {
  switch (map) {
    case MapId::kConfig:
    case MapId::kEndpoint:
    case MapId::kNode:
    case MapId::kPolicySet:
    case MapId::kPolicyGeneration:
    case MapId::kPolicyRule:
    case MapId::kRowWord:
    case MapId::kBackendId:
    case MapId::kBackend:
      return true;
    default:
      return false;
  }
}

}  // namespace fairlead::datapath
