// What the controller's replicas say together of where an object is in force. Pure.
#pragma once

#include <string>
#include <vector>

#include "api/introspect.pb.h"

namespace fairlead::cli {

struct RealisedState {
  bool reached = false;  // some replica knows the version that was asked for
  bool exists = false;
  std::string refused;
  std::vector<introspect::v1::RealisedNode> nodes;  // by name

  size_t done() const;  // nodes where it is in force
  // "1 of 3 nodes; node-2: 2 of its parts are on their way"
  std::string Describe() const;
};

// An agent is connected to one of the replicas; what the others say of its node does not count.
RealisedState Merge(const std::vector<introspect::v1::RealisedReply>& replies);

}  // namespace fairlead::cli
