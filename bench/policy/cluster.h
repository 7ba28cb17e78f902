// A large cluster of ordinary shape, the same in every run: namespaces of 100 pods in ten
// applications, and ten policies each.
#pragma once

#include <cstdint>

#include "policy/model.h"

namespace fairlead::policy {

// `pods` is a multiple of 100; a tenth as many policies.
Cluster LargeCluster(int pods);

// Pod `number` of it; with another `application` as after a relabelling.
Pod PodOf(int number, int application);

}  // namespace fairlead::policy
