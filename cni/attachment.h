// What the runtime and the configuration ask for on behalf of one pod, as plain values.
#pragma once

#include <cstdint>
#include <string>

namespace fairlead::cni {

// A sandbox's interface: the unit that ADD makes and DEL takes away.
struct Attachment {
  std::string container_id;
  std::string if_name;
};

// One hostPort (capability "portMappings").
struct PortMapping {
  uint16_t host_port = 0;
  uint16_t container_port = 0;
  std::string protocol = "tcp";  // "tcp", "udp", "sctp"
  std::string host_ip;           // empty: every address of the node
};

// CNI specification, "Parameters": a container id begins with a letter or digit, followed by any of
// these and "_.-"; no longer than 255 bytes here, as it becomes part of a file name.
bool IsValidContainerId(const std::string& id);
// What Linux takes as the name of a device (dev_valid_name): 1 to 15 bytes, neither "." nor "..",
// without "/", ":" and white space.
bool IsValidInterfaceName(const std::string& name);

}  // namespace fairlead::cni
