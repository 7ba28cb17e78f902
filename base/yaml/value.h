// A YAML or JSON document as a plain tree that remembers lines. yaml-cpp stops here.
//
// Scalars keep their text; `type` says what the API server's decoder would make of it, so that a
// label `version: 1` is a number and can be refused as such.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace fairlead {

struct Value {
  enum class Type { kNull, kBool, kNumber, kString, kList, kMap };
  struct Field;

  Type type = Type::kNull;
  int line = 1;               // counts from 1
  std::string text;           // of a scalar
  std::vector<Value> items;   // of a list
  std::vector<Field> fields;  // of a map, in the order of the file; no key twice

  // The value of `key`, or null when this is no map or has no such key.
  const Value* Find(absl::string_view key) const;
};

struct Value::Field {
  std::string key;
  int line = 1;
  Value value;
};

// "a map", "the number 80", "a list": for messages.
std::string Describe(const Value& value);

// Bounds of one file; a file beyond them is refused as a whole.
inline constexpr size_t kMaxFileBytes = 8 << 20;
inline constexpr int kMaxDepth = 64;
inline constexpr int kMaxValues = 400'000;  // counts what aliases expand to

// The documents of a file; empty ones are left out. An error reads "LINE: cause".
absl::StatusOr<std::vector<Value>> ParseDocuments(absl::string_view text);

}  // namespace fairlead
