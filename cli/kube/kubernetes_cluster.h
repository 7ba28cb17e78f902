// Fairlead's agents and controllers in the cluster that kubectl talks to, each behind a tunnel of its own.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "cli/cluster.h"
#include "cli/kube/fairlead_pods.h"
#include "cli/kube/kubectl.h"

namespace fairlead::cli {

// Fairlead's pods; `namespace_name` empty: wherever they are. NOT_FOUND when there are none.
absl::StatusOr<std::vector<FairleadPod>> FindFairleadPods(const Kubectl& kubectl,
                                                          const std::string& namespace_name);

// Asks kubectl once, for Fairlead's pods. A pod that does not run is among them: asking it fails with the
// reason.
absl::StatusOr<Cluster> OpenKubernetesCluster(const Kubectl& kubectl, const std::string& namespace_name);

}  // namespace fairlead::cli
