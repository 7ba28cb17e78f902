// The smallest NetworkPolicy that would let a refused connection through. Policies only add up, so a new
// one that allows just this is the smallest change; nothing that others wrote is touched. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/ip.h"

namespace fairlead::cli {

// One end of the refused connection.
struct RemedySide {
  bool is_pod = false;
  std::string namespace_name;
  std::string name;
  std::map<std::string, std::string> labels;
  IpAddress address;
};

struct RemedyRequest {
  bool ingress = true;  // denied at the destination; else at the source
  RemedySide source;
  RemedySide destination;
  uint8_t protocol = 6;  // IANA
  uint16_t port = 0;     // of the final backend; 0: the whole protocol
};

// YAML that `kubectl apply` takes. Labels that change with every rollout are left out.
std::string RemedyYaml(const RemedyRequest& request);
std::string RemedyText(const RemedyRequest& request);

}  // namespace fairlead::cli
