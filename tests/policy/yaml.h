// A cluster as Kubernetes manifests, to be read by people and to be applied to a lab.
#pragma once

#include <string>

#include "policy/model.h"
#include "tests/policy/generator.h"

namespace fairlead::policy::testing {

std::string ToYaml(const Cluster& cluster);

// "ingress of alpha/pod-1: TCP 10.244.0.3 -> 10.244.0.1 port 80".
std::string ToText(const Cluster& cluster, const Decision& decision);

}  // namespace fairlead::policy::testing
