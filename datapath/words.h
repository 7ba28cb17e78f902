// Names of the abi's numbers for people.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "datapath/abi/event.h"
#include "datapath/abi/reasons.h"
#include "datapath/abi/trace.h"

namespace fairlead::datapath {

inline const char* ReasonName(uint32_t reason) {
  static constexpr const char* kNames[] = {
#define FAIRLEAD_REASON_NAME(constant, name, text) name,
      FL_REASONS(FAIRLEAD_REASON_NAME)
#undef FAIRLEAD_REASON_NAME
  };
  return reason < FL_REASON_COUNT ? kNames[reason] : "unknown reason";
}

inline const char* StageName(uint32_t stage) {
  static constexpr const char* kNames[] = {
#define FAIRLEAD_STAGE_NAME(constant, name) name,
      FL_STAGES(FAIRLEAD_STAGE_NAME)
#undef FAIRLEAD_STAGE_NAME
  };
  return stage < FL_STAGE_COUNT ? kNames[stage] : "unknown stage";
}
// The program that does a stage: the stage's name with underscores.
inline std::string StageProgram(uint32_t stage) {
  std::string name = StageName(stage);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

inline const char* TraceKindName(uint32_t kind) {
  static constexpr const char* kNames[] = {
#define FAIRLEAD_KIND_NAME(constant, name) name,
      FL_TRACE_KINDS(FAIRLEAD_KIND_NAME)
#undef FAIRLEAD_KIND_NAME
  };
  return kind < FL_TRACE_KIND_COUNT ? kNames[kind] : "unknown step";
}

inline const char* TraceMapName(uint32_t map) {
  static constexpr const char* kNames[] = {
#define FAIRLEAD_MAP_NAME(constant, name) name,
      FL_TRACE_MAPS(FAIRLEAD_MAP_NAME)
#undef FAIRLEAD_MAP_NAME
  };
  return map < FL_TRACE_MAP_COUNT ? kNames[map] : "";
}

}  // namespace fairlead::datapath
