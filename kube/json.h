// Reading single fields of objects that are JSON. What comes in is not trusted: a field that is not there,
// or of another type, reads as empty.
#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace fairlead::kube {

// INVALID_ARGUMENT when it is no JSON.
absl::StatusOr<nlohmann::json> ParseJson(absl::string_view text);

// nullptr: there is none. Keys of maps: {"status", "podIPs"}.
const nlohmann::json* FindField(const nlohmann::json& object, std::initializer_list<const char*> path);
std::string TextField(const nlohmann::json& object, std::initializer_list<const char*> path);
bool TrueField(const nlohmann::json& object, std::initializer_list<const char*> path);
// An empty list where it is no list.
const nlohmann::json& ListField(const nlohmann::json& object, std::initializer_list<const char*> path);

// Its condition `type` has the status "True".
bool HasCondition(const nlohmann::json& object, absl::string_view type);

}  // namespace fairlead::kube
