// Which resources a change touched: those whose version is another now, or that came or went.
#pragma once

#include <map>
#include <string>

#include "controller/model/resource.h"

namespace fairlead::controller {

// What each was before; null: there was none.
using ChangedResources = std::map<ResourceId, ResourcePtr>;

struct Changes {
  ChangedResources everywhere;                    // Nodes, Services
  std::map<std::string, ChangedResources> nodes;  // the others, for each node concerned

  bool empty() const { return everywhere.empty() && nodes.empty(); }
};

using Resources = std::map<ResourceId, ResourcePtr>;

// Puts `resource` in; it is added to `changed` when that makes a difference.
inline void PutResource(const ResourcePtr& resource, Resources* resources, ChangedResources* changed) {
  ResourcePtr& place = (*resources)[resource->id];
  if (place != nullptr && place->version == resource->version) return;
  changed->emplace(resource->id, place);
  place = resource;
}

inline void DropResource(const ResourceId& id, Resources* resources, ChangedResources* changed) {
  const auto place = resources->find(id);
  if (place == resources->end()) return;
  changed->emplace(id, place->second);
  resources->erase(place);
}

}  // namespace fairlead::controller
