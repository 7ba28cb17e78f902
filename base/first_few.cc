#include "base/first_few.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace fairlead {
namespace {

constexpr size_t kShown = 3;

}  // namespace

std::string FirstFew(const std::vector<std::string>& items, absl::string_view separator) {
  const auto end = items.begin() + static_cast<std::ptrdiff_t>(std::min(items.size(), kShown));
  std::string text = absl::StrJoin(items.begin(), end, separator);
  if (items.size() > kShown) absl::StrAppend(&text, separator, "and ", items.size() - kShown, " more");
  return text;
}

}  // namespace fairlead
