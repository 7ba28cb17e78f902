// What the agent reads in its own Node object, and changes in it, as patches. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/time/time.h"

namespace fairlead::agent {

// Takes the taint `key` off `node`, unless the node's taints are others by then (RFC 6902). Nothing: there is
// no such taint.
std::optional<nlohmann::json> TaintRemoval(const nlohmann::json& node, const std::string& key);

// Says in its status that the node's network works: the condition NetworkUnavailable is False (a strategic
// merge patch of the status). Nothing: it says so already.
std::optional<nlohmann::json> NetworkAvailable(const nlohmann::json& node, absl::Time now);

// Whether it is being deleted, or the cluster autoscaler is about to (KEP-3836).
bool IsLeaving(const nlohmann::json& node);

}  // namespace fairlead::agent
