// Turns a raw event into one that a person can read, with the names that this node knows.
#pragma once

#include <cstdint>

#include "datapath/abi/event.h"
#include "datapath/datapath.h"
#include "datapath/reconciler.h"

namespace fairlead::datapath {

FlowEvent NameEvent(const fl_event& event, uint64_t lost_before, const Reconciler& state);

// "namespace/name" of a pod of this node; "" when it is gone or none.
std::string PodName(uint32_t endpoint, const Reconciler& state);

}  // namespace fairlead::datapath
