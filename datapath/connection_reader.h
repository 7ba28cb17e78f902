// The connection table as people see it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "datapath/datapath.h"

namespace fairlead::datapath {

// `maps`: name -> descriptor. `service_name`: of a front end's number.
absl::Status ReadConnections(const std::map<std::string, int>& maps,
                             const std::function<std::string(uint32_t)>& service_name,
                             const std::function<bool(const Connection&)>& visit);

// Connections that are live now.
uint64_t CountConnections(const std::map<std::string, int>& maps);

}  // namespace fairlead::datapath
