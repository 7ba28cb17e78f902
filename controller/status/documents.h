// Status objects (CRDs of group fairlead.io, helm/fairlead/templates/crds.yaml) as they are to read at the
// API server. Pure.
//
// They have no spec, and no /status subresource: only Fairlead writes them, each whole and in one request.
// Each belongs to the object that it tells of, and goes with it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "controller/manifest/objects.h"
#include "controller/status/node_state.h"
#include "controller/status/realisations.h"

namespace fairlead::controller {

inline constexpr char kStatusApi[] = "/apis/fairlead.io/v1alpha1";
inline constexpr char kRealisationsPath[] = "/apis/fairlead.io/v1alpha1/fairleadrealisations";
inline constexpr char kNodesPath[] = "/apis/fairlead.io/v1alpha1/fairleadnodes";

struct StatusDocument {
  std::string path;     // "/apis/fairlead.io/v1alpha1/fairleadnodes/worker-1"
  nlohmann::json body;  // whole; conditions without lastTransitionTime
  // Of what it tells: another version is told at once, the same one only when it has been so for a while.
  std::string version;
  int64_t patience_ns = 0;

  bool operator==(const StatusDocument&) const = default;
};

// FairleadRealisation KIND.NAME in the object's namespace.
StatusDocument DocumentOf(const ObjectRealisation& realisation);
// FairleadNode.
StatusDocument DocumentOf(const NodeState& node);

}  // namespace fairlead::controller
