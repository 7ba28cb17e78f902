// Protobuf messages of the controller as plain values. What comes in is hostile and checked here:
// sizes, address lengths, ranges, enums. A bad resource becomes an error that names it and its field;
// the others of the push are read all the same.
#pragma once

#include "agent/resource.h"
#include "api/control.pb.h"

namespace fairlead::agent {

Push Decode(const control::v1::SyncResponse& response);

}  // namespace fairlead::agent
