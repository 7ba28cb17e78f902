// How full every map is and what memory it takes, as the kernel says.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "datapath/datapath.h"

namespace fairlead::datapath {

// `maps`: name -> descriptor. `entries`: of maps whose owner counts them; others are walked, and
// arrays without a count are full by nature.
std::vector<MapUsage> ReadMapUsage(const std::map<std::string, int>& maps,
                                   const std::map<std::string, uint64_t>& entries);

std::vector<ReasonCount> ReadDrops(int reason_counter_fd);

}  // namespace fairlead::datapath
