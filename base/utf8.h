// Text that is to be shown or sent has to be UTF-8: Protobuf takes nothing else.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace fairlead {

// Bytes at the front of `text` that are whole characters (RFC 3629: no overlong forms, no surrogates).
size_t ValidUtf8Prefix(absl::string_view text);
inline bool IsUtf8(absl::string_view text) {
  return ValidUtf8Prefix(text) == text.size();
}

// At most `max` bytes of `text`, which is UTF-8, with no character cut in two.
std::string Shorten(absl::string_view text, size_t max);

}  // namespace fairlead
