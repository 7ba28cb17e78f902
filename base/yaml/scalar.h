// What an unquoted YAML scalar is, as the decoder of kubectl and the API server sees it (YAML 1.1).
#pragma once

#include "absl/strings/string_view.h"
#include "base/yaml/value.h"

namespace fairlead {

// kNull, kBool, kNumber or kString.
Value::Type TypeOfPlainScalar(absl::string_view text);

}  // namespace fairlead
