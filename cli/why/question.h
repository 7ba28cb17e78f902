// What `fairlead why` is asked, in the words of a user, and what it means in this cluster. Pure.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/ip.h"
#include "cli/names.h"

namespace fairlead::cli {

// "shop/cart:80", "svc/shop/cart", "10.96.0.1:53/udp", "[fd00::1]:80", "node-1:30080".
struct Place {
  std::string kind;  // "pod", "service", "node" when the text says it; else empty
  std::string name;  // or an address
  uint16_t port = 0;
  uint8_t protocol = 0;  // IANA; 0: not said
};
absl::StatusOr<Place> ParsePlace(const std::string& text);

// Why a packet from here to there passes or not, with everything resolved.
struct Question {
  IpAddress source;
  IpAddress destination;
  uint16_t port = 0;
  uint8_t protocol = 6;
  std::string source_name;  // as the cluster calls it, or the address
  std::string destination_name;
  std::string node;  // whose agent is to be asked first
  std::string note;  // what was assumed, for people
};

struct Preferences {
  bool ipv6 = false;  // where both ends have both families
};

// `names`: of the whole cluster. Without an exact name, "shop/cart" also finds the first replica of a
// Deployment, "shop/cart-0"; a source that is no pod is judged where its packet enters.
absl::StatusOr<Question> Resolve(const Place& source, const Place& destination, const Names& names,
                                 const Preferences& preferences);

}  // namespace fairlead::cli
