// A list as a set: sorted, each value once.
#pragma once

#include <algorithm>

namespace fairlead::policy {

// `T`: a sequence that can erase a range.
template <typename T>
void SortUnique(T& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

}  // namespace fairlead::policy
