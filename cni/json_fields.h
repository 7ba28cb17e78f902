// Reading JSON objects strictly: every accessor names the field in its error, and keys that nobody
// asked for are refused with the nearest key that exists.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace fairlead::cni {

// An object, at most `max_bytes` long. DECODE errors say where the text breaks.
absl::StatusOr<nlohmann::json> ParseObject(const std::string& text, size_t max_bytes,
                                           const std::string& what);

// `path` is how errors name `object`: "runtimeConfig.portMappings[2]"; empty: the configuration itself.
absl::Status RefuseUnknownKeys(const nlohmann::json& object, const std::vector<std::string>& known,
                               const std::string& path);

// `target` stays as it is when the key is absent.
absl::Status ReadString(const nlohmann::json& object, const char* key, const std::string& path,
                        std::string* target);
absl::Status ReadInteger(const nlohmann::json& object, const char* key, const std::string& path, int64_t min,
                         int64_t max, int64_t* target);
absl::Status ReadStrings(const nlohmann::json& object, const char* key, const std::string& path,
                         std::vector<std::string>* target);
// The array or object under `key`; nullptr when absent.
absl::StatusOr<const nlohmann::json*> FindArray(const nlohmann::json& object, const char* key,
                                                const std::string& path);
absl::StatusOr<const nlohmann::json*> FindObject(const nlohmann::json& object, const char* key,
                                                 const std::string& path);

// "runtimeConfig" and "mac" make "runtimeConfig.mac".
std::string JoinPath(const std::string& path, const std::string& key);

}  // namespace fairlead::cni
