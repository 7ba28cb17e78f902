// A question of Introspect.Why as a packet, by the names that this node knows. Pure.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "agent/names.h"
#include "datapath/datapath.h"

namespace fairlead::agent {

struct WhyQuestion {
  std::string source;       // "namespace/name" or an address
  std::string destination;  // "namespace/name" of a pod or Service, or an address
  uint32_t port = 0;
  uint32_t protocol = 0;  // 0: TCP
  uint32_t source_port = 0;
  bool ipv6 = false;
  // 4 or 16 bytes, when the caller has resolved the names; else empty.
  std::string source_address;
  std::string destination_address;
};

// INVALID_ARGUMENT or NOT_FOUND naming what is wrong and what can be asked instead.
absl::StatusOr<datapath::ExplainRequest> ResolveWhy(const WhyQuestion& question, const AddressNames& names);

}  // namespace fairlead::agent
