// Colours for people at a terminal, nothing for pipes and NO_COLOR (https://no-color.org).
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace fairlead::cli {

enum class Tone { kPlain, kStrong, kFaint, kGood, kBad, kCaution, kName };

class Style {
 public:
  explicit Style(bool coloured) : coloured_(coloured) {}
  // Coloured when `fd` is a terminal, NO_COLOR is unset and `off` is false.
  static Style For(int fd, bool off);

  bool coloured() const { return coloured_; }
  std::string Paint(Tone tone, absl::string_view text) const;

 private:
  bool coloured_;
};

// Columns that UTF-8 text takes on a terminal; every code point counts one.
size_t DisplayWidth(absl::string_view text);

}  // namespace fairlead::cli
