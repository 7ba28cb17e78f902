// The controller's replicas as the API server lists their pods -> addresses in the order in which this node
// tries them. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace fairlead::agent {

// "10.0.0.1:9443" or "[fd00::1]:9443" of each pod of `list`, a PodList, that has an address and is not on its
// way out. Those that are ready come first; among equals a hash of node and address decides, so that nodes
// spread over replicas and each tries them in the same order ever after.
std::vector<std::string> ControllersIn(const nlohmann::json& list, uint16_t port, const std::string& node);

// Of a file, one address a line: those that are well formed.
std::vector<std::string> ParseControllers(absl::string_view text);

}  // namespace fairlead::agent
