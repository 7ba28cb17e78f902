#include <algorithm>

#include "policy/compiled.h"

namespace fairlead::policy {

bool AddressGroup::Contains(const IpAddress& address) const {
  const auto contains = [&](const IpPrefix& prefix) { return prefix.Contains(address); };
  return std::any_of(members.begin(), members.end(), contains) &&
         std::none_of(exceptions.begin(), exceptions.end(), contains);
}

}  // namespace fairlead::policy
