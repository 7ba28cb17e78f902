// Which parts of a DesiredState may differ from the one that was applied before it: what lets the
// datapath do work in proportion to a change, not to the cluster. To name too much costs time only; to
// leave something out would leave it unapplied until the next state that is compared whole.
#pragma once

#include <set>
#include <string>

namespace fairlead::datapath {

struct StateChanges {
  bool all = false;  // compare everything; the rest is not looked at
  bool settings = false;
  // Names in the maps of DesiredState, of objects that came, changed or went.
  std::set<std::string> nodes, endpoints, groups, sets, services;

  static StateChanges Everything() { return {.all = true}; }
};

}  // namespace fairlead::datapath
