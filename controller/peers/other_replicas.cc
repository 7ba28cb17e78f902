#include "controller/peers/other_replicas.h"

#include "base/address_port.h"
#include "kube/controller_pods.h"

namespace fairlead::controller {

std::set<std::string> OtherReplicas(const ReplicaIdentity& self, const nlohmann::json& list) {
  std::set<std::string> others;
  for (const kube::ControllerPod& pod : kube::ControllerPodsIn(list)) {
    if (pod.name != self.pod) others.insert(WithPort(pod.address, self.port));
  }
  return others;
}

}  // namespace fairlead::controller
