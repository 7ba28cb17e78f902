#include "controller/manifest/fields.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace fairlead::controller {
namespace {

constexpr size_t kMaxProblems = 8;
constexpr size_t kMaxHintedKey = 64;

// Levenshtein's distance, capital letters taken for small ones.
size_t EditDistance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      bool same = absl::ascii_tolower(a[i - 1]) == absl::ascii_tolower(b[j - 1]);
      size_t substituted = diagonal + (same ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

}  // namespace

void Problems::Add(int line, const std::string& field, const std::string& message) {
  if (list_.size() < kMaxProblems) list_.push_back({line, field, message});
}

void Problems::Remark(int line, const std::string& field, const std::string& message) {
  if (remarks_.size() < kMaxProblems) remarks_.push_back({line, field, message});
}

std::string NearestWord(const std::string& word, const std::set<std::string>& candidates) {
  if (word.size() > kMaxHintedKey) return "";
  if (word.size() >= 3) {
    auto longer = candidates.lower_bound(word);  // an abbreviation: "prot" of "protocol"
    if (longer != candidates.end() && longer->compare(0, word.size(), word) == 0) return *longer;
  }
  std::string best;
  size_t best_distance = word.size() / 3 + 1;  // farther apart it is another word
  for (const std::string& candidate : candidates) {
    size_t distance = EditDistance(word, candidate);
    if (distance <= best_distance && (best.empty() || distance < best_distance)) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::optional<std::string> ReadString(const At& at, Problems* problems) {
  if (at.value->type == Value::Type::kString) return at.value->text;
  bool is_scalar = at.value->type == Value::Type::kNumber || at.value->type == Value::Type::kBool;
  problems->Add(at.value->line, at.path,
                absl::StrCat("must be a string, is ", Describe(*at.value),
                             is_scalar ? absl::StrCat("; quote it: \"", at.value->text, "\"") : ""));
  return std::nullopt;
}

std::optional<int64_t> ReadInt(const At& at, int64_t min, int64_t max, Problems* problems) {
  int64_t number = 0;
  if (at.value->type != Value::Type::kNumber || !absl::SimpleAtoi(at.value->text, &number)) {
    problems->Add(
        at.value->line, at.path,
        absl::StrCat("must be a whole number from ", min, " to ", max, ", is ", Describe(*at.value)));
    return std::nullopt;
  }
  if (number < min || number > max) {
    problems->Add(at.value->line, at.path, absl::StrCat("must be from ", min, " to ", max, ", is ", number));
    return std::nullopt;
  }
  return number;
}

Fields::Fields(const Value& value, std::string path, Problems* problems)
    : value_(value), path_(std::move(path)), problems_(problems) {
  if (value.type != Value::Type::kMap && value.type != Value::Type::kNull) {
    problems_->Add(value.line, path_, absl::StrCat("must be a map, is ", Describe(value)));
  }
}

std::string Fields::PathOf(const std::string& key) const {
  return path_.empty() ? key : absl::StrCat(path_, ".", key);
}

bool Fields::Has(const std::string& key) const {
  const Value* value = value_.Find(key);
  return value != nullptr && value->type != Value::Type::kNull;
}

void Fields::Add(const std::string& key, const std::string& message) {
  const Value* value = value_.Find(key);
  problems_->Add(value != nullptr ? value->line : value_.line, PathOf(key), message);
}

std::optional<At> Fields::Find(const std::string& key) {
  known_.insert(key);
  const Value* value = value_.Find(key);
  if (value == nullptr || value->type == Value::Type::kNull) return std::nullopt;
  return At{value, PathOf(key)};
}

std::string Fields::String(const std::string& key) {
  std::optional<At> at = Find(key);
  return at ? ReadString(*at, problems_).value_or("") : "";
}

std::string Fields::RequiredString(const std::string& key) {
  std::optional<At> at = Find(key);
  if (!at) {
    Add(key, "is required");
    return "";
  }
  std::optional<std::string> text = ReadString(*at, problems_);
  if (text && text->empty()) Add(key, "must not be empty");
  return text.value_or("");
}

std::optional<bool> Fields::Bool(const std::string& key) {
  std::optional<At> at = Find(key);
  if (!at) return std::nullopt;
  if (at->value->type != Value::Type::kBool) {
    Add(key, absl::StrCat("must be true or false, is ", Describe(*at->value)));
    return std::nullopt;
  }
  char first = absl::ascii_tolower(at->value->text[0]);
  return first == 't' || first == 'y' || absl::AsciiStrToLower(at->value->text) == "on";
}

std::optional<int64_t> Fields::Int(const std::string& key, int64_t min, int64_t max) {
  std::optional<At> at = Find(key);
  return at ? ReadInt(*at, min, max, problems_) : std::nullopt;
}

std::string Fields::OneOf(const std::string& key, std::initializer_list<const char*> allowed,
                          const std::string& otherwise) {
  std::string text = String(key);
  if (text.empty()) return otherwise;
  for (const char* word : allowed) {
    if (text == word) return text;
  }
  Add(key, absl::StrCat("must be ", absl::StrJoin(allowed, " or "), ", is \"", text, "\""));
  return otherwise;
}

std::vector<At> Fields::List(const std::string& key) {
  std::optional<At> at = Find(key);
  if (!at) return {};
  if (at->value->type != Value::Type::kList) {
    Add(key, absl::StrCat("must be a list, is ", Describe(*at->value)));
    return {};
  }
  std::vector<At> items;
  items.reserve(at->value->items.size());
  for (size_t i = 0; i < at->value->items.size(); ++i) {
    items.push_back({&at->value->items[i], absl::StrCat(at->path, "[", i, "]")});
  }
  return items;
}

std::vector<std::string> Fields::Strings(const std::string& key) {
  std::vector<std::string> strings;
  for (const At& item : List(key)) {
    if (std::optional<std::string> text = ReadString(item, problems_)) strings.push_back(*text);
  }
  return strings;
}

std::map<std::string, std::string> Fields::StringMap(const std::string& key) {
  std::optional<At> at = Find(key);
  if (!at) return {};
  if (at->value->type != Value::Type::kMap) {
    Add(key, absl::StrCat("must be a map of strings, is ", Describe(*at->value)));
    return {};
  }
  std::map<std::string, std::string> strings;
  for (const Value::Field& field : at->value->fields) {
    // Null is the empty string here, as the API's decoder has it.
    std::string text;
    if (field.value.type != Value::Type::kNull) {
      text = ReadString({&field.value, absl::StrCat(at->path, "[", field.key, "]")}, problems_).value_or("");
    }
    strings.emplace(field.key, text);
  }
  return strings;
}

void Fields::KnownButUnused(std::initializer_list<const char*> keys) {
  known_.insert(keys.begin(), keys.end());
}

void Fields::Unserved(const std::string& key, const std::string& message) {
  std::optional<At> at = Find(key);
  if (!at) return;
  const Value& value = *at->value;
  const bool asks = value.type == Value::Type::kList  ? !value.items.empty()
                    : value.type == Value::Type::kMap ? !value.fields.empty()
                                                      : !value.text.empty();
  if (asks) problems_->Remark(value.line, at->path, message);
}

void Fields::Finish() {
  for (const Value::Field& field : value_.fields) {
    if (known_.count(field.key) > 0) continue;
    std::string nearest = NearestWord(field.key, known_);
    problems_->Add(field.line, PathOf(field.key),
                   nearest.empty() ? absl::StrCat("unknown field; known here: ", absl::StrJoin(known_, ", "))
                                   : absl::StrCat("unknown field; did you mean \"", nearest, "\"?"));
  }
}

}  // namespace fairlead::controller
