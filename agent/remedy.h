// The smallest change that would allow a refused packet, in words. Pure. A ready NetworkPolicy needs
// the labels of both pods, which a node does not know: fairlead's CLI writes that one.
#pragma once

#include <string>

#include "datapath/datapath.h"

namespace fairlead::agent {

// `source` and `destination`: what people call the two ends. Empty when the packet passes.
std::string RemedyFor(const datapath::Explanation& explanation, const std::string& source,
                      const std::string& destination, uint8_t protocol);

}  // namespace fairlead::agent
