// Numbers that outlive the agent: which id a set or class had, by a digest of what it is. Held in a
// map of its own beside the data, so that order of writing holds across a crash: a name is written
// before its id is used, and taken back after the id is free.
//
// Losing the map costs nothing but fresh ids.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "datapath/table.h"

namespace fairlead::datapath {

enum NameKind : uint32_t { kSetName = 1, kClassName = 2 };

// FNV-1a, 128 bits, over the words with their lengths.
NameKey MakeName(NameKind kind, const std::vector<std::string>& words);

using NameTable = Table<MapId::kName>;

}  // namespace fairlead::datapath
