// The connection table as people see it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "datapath/datapath.h"

namespace fairlead::datapath {

// As Datapath::ReadConnections; a place is a slot. `maps`: name -> descriptor. `service_name`: of a front
// end's number.
absl::StatusOr<uint32_t> ReadConnections(const std::map<std::string, int>& maps,
                                         const std::function<std::string(uint32_t)>& service_name,
                                         uint32_t place, uint32_t limit,
                                         const std::function<void(const Connection&)>& visit);

// Connections that are live now.
uint64_t CountConnections(const std::map<std::string, int>& maps);

}  // namespace fairlead::datapath
