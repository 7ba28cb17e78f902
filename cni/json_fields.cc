#include "cni/json_fields.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "cni/error.h"

namespace fairlead::cni {
namespace {

using nlohmann::json;

// Levenshtein (1966): insertions, deletions and replacements that turn `a` into `b`.
size_t EditDistance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

absl::Status WrongType(const std::string& path, const char* key, const char* wanted, const json& value) {
  return CniError(ErrorCode::kInvalidConfig,
                  absl::StrCat(JoinPath(path, key), ": must be ", wanted, ", is ", value.type_name()));
}

}  // namespace

std::string JoinPath(const std::string& path, const std::string& key) {
  return path.empty() ? key : absl::StrCat(path, ".", key);
}

absl::StatusOr<json> ParseObject(const std::string& text, size_t max_bytes, const std::string& what) {
  if (text.size() > max_bytes) {
    return CniError(ErrorCode::kDecode,
                    absl::StrCat("read ", what, ": larger than ", max_bytes / 1024, " KiB"));
  }
  try {
    json parsed = json::parse(text);
    if (!parsed.is_object()) {
      return CniError(ErrorCode::kDecode,
                      absl::StrCat("read ", what, ": must be a JSON object, is ", parsed.type_name()));
    }
    return parsed;
  } catch (const json::exception& error) {
    return CniError(ErrorCode::kDecode, absl::StrCat("read ", what, ": ", error.what()));
  }
}

absl::Status RefuseUnknownKeys(const json& object, const std::vector<std::string>& known,
                               const std::string& path) {
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    // Distances are only worth computing for names that could be a slip of the pen.
    std::string hint;
    size_t best = 4;
    for (const std::string& candidate : known) {
      if (key.size() > 64) break;
      const size_t distance = EditDistance(key, candidate);
      if (distance < best) {
        best = distance;
        hint = absl::StrCat("did you mean \"", candidate, "\"?");
      }
    }
    return CniError(ErrorCode::kInvalidConfig,
                    absl::StrCat(JoinPath(path, key.substr(0, 64)), ": unknown key"), hint);
  }
  return absl::OkStatus();
}

absl::Status ReadString(const json& object, const char* key, const std::string& path, std::string* target) {
  auto found = object.find(key);
  if (found == object.end() || found->is_null()) return absl::OkStatus();
  if (!found->is_string()) return WrongType(path, key, "a string", *found);
  *target = found->get<std::string>();
  return absl::OkStatus();
}

absl::Status ReadInteger(const json& object, const char* key, const std::string& path, int64_t min,
                         int64_t max, int64_t* target) {
  auto found = object.find(key);
  if (found == object.end() || found->is_null()) return absl::OkStatus();
  if (!found->is_number_integer()) return WrongType(path, key, "an integer", *found);
  // A number beyond int64 is held as unsigned.
  const bool fits =
      !found->is_number_unsigned() || found->get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX);
  const int64_t value = fits ? found->get<int64_t>() : INT64_MAX;
  if (!fits || value < min || value > max) {
    return CniError(ErrorCode::kInvalidConfig, absl::StrCat(JoinPath(path, key), ": ", found->dump(),
                                                            " is not within ", min, " and ", max));
  }
  *target = value;
  return absl::OkStatus();
}

absl::Status ReadStrings(const json& object, const char* key, const std::string& path,
                         std::vector<std::string>* target) {
  ASSIGN_OR_RETURN(const json* array, FindArray(object, key, path));
  if (array == nullptr) return absl::OkStatus();
  target->clear();
  for (const json& value : *array) {
    if (!value.is_string()) return WrongType(path, key, "a list of strings", value);
    target->push_back(value.get<std::string>());
  }
  return absl::OkStatus();
}

absl::StatusOr<const json*> FindArray(const json& object, const char* key, const std::string& path) {
  auto found = object.find(key);
  if (found == object.end() || found->is_null()) return nullptr;
  if (!found->is_array()) return WrongType(path, key, "a list", *found);
  return &*found;
}

absl::StatusOr<const json*> FindObject(const json& object, const char* key, const std::string& path) {
  auto found = object.find(key);
  if (found == object.end() || found->is_null()) return nullptr;
  if (!found->is_object()) return WrongType(path, key, "an object", *found);
  return &*found;
}

}  // namespace fairlead::cni
