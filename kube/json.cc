#include "kube/json.h"

#include <algorithm>

namespace fairlead::kube {

absl::StatusOr<nlohmann::json> ParseJson(absl::string_view text) {
  nlohmann::json parsed =
      nlohmann::json::parse(text.begin(), text.end(), /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) return absl::InvalidArgumentError("what came is no JSON");
  return parsed;
}

const nlohmann::json* FindField(const nlohmann::json& object, std::initializer_list<const char*> path) {
  const nlohmann::json* at = &object;
  for (const char* key : path) {
    if (!at->is_object()) return nullptr;
    auto found = at->find(key);
    if (found == at->end()) return nullptr;
    at = &*found;
  }
  return at;
}

std::string TextField(const nlohmann::json& object, std::initializer_list<const char*> path) {
  const nlohmann::json* found = FindField(object, path);
  return found != nullptr && found->is_string() ? found->get<std::string>() : "";
}

bool TrueField(const nlohmann::json& object, std::initializer_list<const char*> path) {
  const nlohmann::json* found = FindField(object, path);
  return found != nullptr && found->is_boolean() && found->get<bool>();
}

const nlohmann::json& ListField(const nlohmann::json& object, std::initializer_list<const char*> path) {
  static const nlohmann::json empty = nlohmann::json::array();
  const nlohmann::json* found = FindField(object, path);
  return found != nullptr && found->is_array() ? *found : empty;
}

bool HasCondition(const nlohmann::json& object, absl::string_view type) {
  const nlohmann::json& conditions = ListField(object, {"status", "conditions"});
  return std::any_of(conditions.begin(), conditions.end(), [&](const nlohmann::json& condition) {
    return TextField(condition, {"type"}) == type && TextField(condition, {"status"}) == "True";
  });
}

}  // namespace fairlead::kube
