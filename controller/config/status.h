// What the status of the FairleadConfig is to say. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "controller/server/controller.h"

namespace fairlead::controller {

// {"conditions": [{"type": "Accepted", "status": "True", ...}], "effective": {...}}, the same from every
// replica that has the same objects and options; null where there is no FairleadConfig.
nlohmann::json ConfigStatusOf(const Controller& controller);

// The merge patch (RFC 7386) that makes the object's status say `wanted` of the version that `object` is;
// null when it says so already. `now`: the time of a condition that changes.
nlohmann::json ConfigStatusPatch(const nlohmann::json& object, const nlohmann::json& wanted,
                                 const std::string& now);

// The settings in force and where each is from, for people.
std::string DescribeSettings(const Controller& controller);

}  // namespace fairlead::controller
