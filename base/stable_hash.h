// A hash that is the same on every machine, in every version and in every run, for names and orders
// that outlive a restart. Not for tables that strangers fill.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace fairlead {

// FNV-1a (Fowler, Noll, Vo), 64 bit. Its high bits are the better ones for short texts: they are folded in.
inline uint64_t StableHash(absl::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return hash ^ (hash >> 29);
}

}  // namespace fairlead
