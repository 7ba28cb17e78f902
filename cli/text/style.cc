#include "cli/text/style.h"

#include <unistd.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace fairlead::cli {

Style Style::For(int fd, bool off) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* force = std::getenv("CLICOLOR_FORCE");
  if (off || (no_color != nullptr && *no_color != '\0')) return Style(false);
  return Style((force != nullptr && *force != '\0' && *force != '0') || ::isatty(fd) == 1);
}

std::string Style::Paint(Tone tone, absl::string_view text) const {
  if (!coloured_ || tone == Tone::kPlain || text.empty()) return std::string(text);
  const char* code = "";
  switch (tone) {
    case Tone::kPlain:
      break;
    case Tone::kStrong:
      code = "1";
      break;
    case Tone::kFaint:
      code = "2";
      break;
    case Tone::kGood:
      code = "32";
      break;
    case Tone::kBad:
      code = "31";
      break;
    case Tone::kCaution:
      code = "33";
      break;
    case Tone::kName:
      code = "36";
      break;
  }
  return absl::StrCat("\033[", code, "m", text, "\033[0m");
}

size_t DisplayWidth(absl::string_view text) {
  size_t width = 0;
  for (const char c : text) width += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return width;
}

}  // namespace fairlead::cli
