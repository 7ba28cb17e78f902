// Which resources a change touched: those whose version is another now, or that came or went.
#pragma once

#include <map>
#include <set>
#include <string>

#include "controller/model/resource.h"

namespace fairlead::controller {

struct Changes {
  std::set<ResourceId> everywhere;                    // Nodes, Services
  std::map<std::string, std::set<ResourceId>> nodes;  // the others, for each node concerned

  bool empty() const { return everywhere.empty() && nodes.empty(); }
};

using Resources = std::map<ResourceId, ResourcePtr>;

// Puts `resource` in; its id is added to `changed` when that makes a difference.
inline void PutResource(const ResourcePtr& resource, Resources* resources, std::set<ResourceId>* changed) {
  ResourcePtr& place = (*resources)[resource->id];
  if (place != nullptr && place->version == resource->version) return;
  place = resource;
  changed->insert(resource->id);
}

inline void DropResource(const ResourceId& id, Resources* resources, std::set<ResourceId>* changed) {
  if (resources->erase(id) > 0) changed->insert(id);
}

}  // namespace fairlead::controller
