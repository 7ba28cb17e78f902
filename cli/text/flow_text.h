// A flow as a line for people; not its JSON (proto_json.h).
#pragma once

#include <string>

#include "api/observer.pb.h"
#include "cli/names.h"
#include "cli/text/style.h"

namespace fairlead::cli {

// "12:00:00.123 node-1 ✗ shop/cart-0:4711 → shop/db-0:5432 TCP, pod-egress: denied by egress policy, ...\n",
// before it a line that says how many events were lost.
std::string FlowText(const observer::v1::Flow& flow, const Names& names, const Style& style);

}  // namespace fairlead::cli
