// Many names in one line: the first of them, and how many more there are.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace fairlead {

// "a, b, c, and 97 more"; with three or less, all of them.
std::string FirstFew(const std::vector<std::string>& items, absl::string_view separator = ", ");

}  // namespace fairlead
