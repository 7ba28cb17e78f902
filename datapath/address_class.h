// What a class of addresses is to the datapath: the groups that its addresses are in, under a number.
#pragma once

#include <cstdint>
#include <utility>

#include "policy/classifier.h"

namespace fairlead::datapath {

struct ClassKey {
  policy::AddressClass groups;
  // While generations of a predecessor are in force whose rules are not known: the number that the
  // addresses had under it. Those generations treat this class like that one. 0: none.
  uint32_t alias = 0;

  bool operator==(const ClassKey&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const ClassKey& key) {
    return H::combine(std::move(h), key.groups, key.alias);
  }
};

}  // namespace fairlead::datapath
