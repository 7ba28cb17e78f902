// Ids of what is pinned in a bpffs, and whether the kernel still has an id. For proving that a lab is gone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fairlead::lab {

struct BpfIds {
  std::vector<uint32_t> links, programs, maps;
};

// Of every pin below `dir`, with the programs that pinned links hold in place.
BpfIds PinnedBelow(const std::string& dir);
bool LinkExists(uint32_t id);
bool ProgramExists(uint32_t id);
bool MapExists(uint32_t id);

}  // namespace fairlead::lab
