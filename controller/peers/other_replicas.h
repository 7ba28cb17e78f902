// Where the other replicas of this one are. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

namespace fairlead::controller {

struct ReplicaIdentity {
  std::string namespace_name;
  std::string pod;    // this replica's
  uint16_t port = 0;  // on which all replicas serve
};

// "HOST:PORT" of each, of the PodList that kube::ControllerPodsPath names.
std::set<std::string> OtherReplicas(const ReplicaIdentity& self, const nlohmann::json& list);

}  // namespace fairlead::controller
