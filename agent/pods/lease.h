// The record of one sandbox's interface: whom its addresses belong to and how far its life has come.
// It is on disk before anything of it exists in the kernel, and until nothing does.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/ip.h"
#include "datapath/desired_state.h"

namespace fairlead::agent {

enum class LeaseState {
  kPrepared,   // addresses taken; the plugin may be making the link
  kCommitted,  // the plugin has been told that the pod is wired
  kReleasing,  // being taken apart
  kCooling     // nothing left but addresses that may not be used again yet
};

const char* ToString(LeaseState state);

struct Lease {
  // Counts up over the sandboxes of the node and names the record; never used twice.
  uint32_t generation = 0;
  LeaseState state = LeaseState::kPrepared;
  int64_t since_ns = 0;  // wall clock, when `state` was entered
  std::string sandbox;   // CNI_CONTAINERID
  std::string if_name;   // CNI_IFNAME
  std::string netns;     // path
  std::string pod_uid, namespace_name, pod_name;
  std::string host_interface;
  uint32_t ifindex = 0;  // of the host's end, from kCommitted on
  datapath::MacAddress mac{}, host_mac{};
  std::vector<IpAddress> addresses;
  std::vector<datapath::PortMapping> port_mappings;

  std::string key() const { return sandbox + "/" + if_name; }
  // "namespace/name"
  std::string pod() const { return namespace_name + "/" + pod_name; }

  bool operator==(const Lease&) const = default;
};

std::string EncodeLease(const Lease& lease);
// DATA_LOSS naming the field that is wrong.
absl::StatusOr<Lease> DecodeLease(const std::string& text);

// "flp" and 11 hexadecimal digits, the same for the same sandbox and interface.
std::string HostInterfaceName(const std::string& key);
bool IsHostInterfaceName(const std::string& name);
// A locally administered unicast address, the same for the same seed.
datapath::MacAddress MacFor(const std::string& seed);

absl::StatusOr<datapath::MacAddress> ParseMac(const std::string& text);

}  // namespace fairlead::agent
