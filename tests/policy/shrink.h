// Makes a failing case small: takes away whatever can go without the failure going too.
#pragma once

#include <functional>

#include "policy/model.h"

namespace fairlead::policy::testing {

// `fails(cluster)` holds; so it does of what is returned, of which nothing more can be taken away.
Cluster Shrink(Cluster cluster, const std::function<bool(const Cluster&)>& fails);

}  // namespace fairlead::policy::testing
