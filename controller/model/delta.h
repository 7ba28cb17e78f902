// The difference between two versions of a resource, for those kinds that may be large: members of
// address groups, backends of Services. Lists here are sets: order has no meaning.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "controller/model/resource.h"

namespace fairlead::controller {

struct AddressGroupDelta {
  std::string base_version;
  std::vector<IpPrefix> added;
  std::vector<IpPrefix> removed;
};

struct ServiceDelta {
  struct Port {
    uint32_t index = 0;
    std::vector<Backend> added;
    std::vector<Backend> removed;
  };
  std::string base_version;
  std::vector<Port> ports;
};

using Delta = std::variant<AddressGroupDelta, ServiceDelta>;

// Nothing when the kind has no deltas, when something else than members or backends differs, or
// when the delta would be no smaller than the whole.
std::optional<Delta> DeltaBetween(const Resource& from, const Resource& to);

// Likewise, made once for all who hold `from`. Null: nothing.
using DeltaPtr = std::shared_ptr<const Delta>;
DeltaPtr SharedDelta(const Resource& from, const Resource& to);
struct Differences {
  std::map<std::string, DeltaPtr> by_base;  // version
};

}  // namespace fairlead::controller
