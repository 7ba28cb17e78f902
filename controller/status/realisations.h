// Of every policy and Service of the cluster: on how many of the nodes that it concerns it is in force. The
// same as RealisationOf (controller/sync) says of one object, for all of them in one pass over the nodes.
// Pure.
//
// Agents of other replicas are told of by these, a moment later; so that nothing counts as in force because a
// replica had not heard of it, a round begins with what is to be in force, then asks, and judges only that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "controller/server/controller.h"
#include "controller/sync/progress.h"
#include "controller/sync/realisation.h"

namespace fairlead::controller {

struct ObjectRealisation {
  ObjectKey object;
  ObjectVersion version;
  std::string refused;  // its newest version, for this reason; the nodes hold the last good one
  size_t nodes = 0;     // that it concerns
  size_t realised = 0;
  std::vector<NodeRealisation> late;  // the first kMaxLate of the others, by name

  static constexpr size_t kMaxLate = 10;
};

class RealisationRound {
 public:
  // What is to be in force now.
  explicit RealisationRound(const Controller& controller);

  // The newest resourceVersion of an object in force, by kind: who has not seen as much cannot have told its
  // agents of all that is judged. Objects of manifests have none.
  const std::map<std::string, uint64_t>& seen() const { return seen_; }

  // `progress` was asked for after the beginning. Sorted by object; what has another version by now is left
  // to the next round.
  std::vector<ObjectRealisation> Judge(const Controller& controller, const ClusterProgress& progress) const;

 private:
  std::map<std::string, uint64_t> seen_;
  std::map<ObjectKey, uint64_t> versions_;                         // resourceVersions
  std::map<std::string, std::set<std::string>> policies_of_node_;  // by node
};

}  // namespace fairlead::controller
