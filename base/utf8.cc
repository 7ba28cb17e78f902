#include "base/utf8.h"

#include <cstdint>

namespace fairlead {
namespace {

// Length of the character at the front of `text`; 0: there is none.
size_t CharacterLength(absl::string_view text) {
  auto at = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  if (at(0) < 0x80) return 1;
  size_t length = at(0) >= 0xF0 ? 4 : at(0) >= 0xE0 ? 3 : 2;
  if (at(0) < 0xC2 || at(0) > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
  }
  bool overlong = (at(0) == 0xE0 && at(1) < 0xA0) || (at(0) == 0xF0 && at(1) < 0x90);
  bool surrogate = at(0) == 0xED && at(1) > 0x9F;
  bool too_large = at(0) == 0xF4 && at(1) > 0x8F;
  return overlong || surrogate || too_large ? 0 : length;
}

}  // namespace

size_t ValidUtf8Prefix(absl::string_view text) {
  size_t valid = 0;
  while (valid < text.size()) {
    size_t length = CharacterLength(text.substr(valid));
    if (length == 0) break;
    valid += length;
  }
  return valid;
}

std::string Shorten(absl::string_view text, size_t max) {
  absl::string_view front = text.substr(0, max);
  return std::string(front.substr(0, ValidUtf8Prefix(front)));
}

}  // namespace fairlead
