#include "policy/model.h"

namespace fairlead::policy {

const char* ToString(Direction direction) {
  return direction == Direction::kIngress ? "ingress" : "egress";
}

const char* ToString(Protocol protocol) {
  switch (protocol) {
    case Protocol::kTcp:
      return "TCP";
    case Protocol::kUdp:
      return "UDP";
    case Protocol::kSctp:
      return "SCTP";
  }
  return "unknown protocol";
}

}  // namespace fairlead::policy
