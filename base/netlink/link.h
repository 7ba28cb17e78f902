// Network devices: veth pairs, VXLAN, up and down, names, MTU. Thin words over RTM_*LINK; what is
// wired to what is decided by the callers.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/ip.h"
#include "base/netlink/socket.h"

namespace fairlead::netlink {

using MacAddress = std::array<uint8_t, 6>;

// "02:00:00:00:00:01"
std::string MacToString(const MacAddress& mac);

struct Link {
  uint32_t ifindex = 0;
  std::string name;
  std::string kind;  // "veth", "vxlan", "bond", "bridge", "vlan"; empty: hardware or loopback
  MacAddress mac{};
  uint32_t mtu = 0;
  bool up = false;
  bool loopback = false;
  uint32_t peer_ifindex = 0;  // veth: the other end; vlan: the device below; 0: none
  uint32_t master_ifindex = 0;
  std::string alias;  // a note of whoever manages it, at most kMaxAliasBytes
};

// IFALIASZ of linux/if.h without the zero at its end.
inline constexpr size_t kMaxAliasBytes = 255;

struct VethRequest {
  std::string name;
  std::optional<MacAddress> mac;  // nullopt: the kernel picks one
  std::string peer_name;
  std::optional<MacAddress> peer_mac;
  int peer_netns_fd = -1;  // -1: the socket's own namespace
  uint32_t mtu = 0;        // of both ends; 0: the kernel's default
};

// ALREADY_EXISTS when either name is taken. Both ends are down.
absl::Status CreateVeth(Socket& socket, const VethRequest& request);

// A VXLAN device in external (collect metadata) mode: who sends through it sets the tunnel key.
struct VxlanRequest {
  std::string name;
  MacAddress mac{};
  uint16_t port = 0;  // UDP destination, host order
  uint32_t mtu = 0;
  bool ipv6_underlay = false;
};
absl::Status CreateExternalVxlan(Socket& socket, const VxlanRequest& request);

// NOT_FOUND when there is none.
absl::StatusOr<Link> FindLink(Socket& socket, const std::string& name);
absl::StatusOr<Link> FindLink(Socket& socket, uint32_t ifindex);
absl::StatusOr<std::vector<Link>> Links(Socket& socket);

// Unset members stay as they are.
struct LinkChange {
  std::optional<bool> up;
  std::optional<bool> no_arp;  // true: neighbours are never asked for
  std::optional<uint32_t> mtu;
  std::optional<MacAddress> mac;
  std::optional<std::string> name;
  std::optional<uint32_t> master_ifindex;  // 0: none
  std::optional<std::string> alias;        // empty: none
};
absl::Status ChangeLink(Socket& socket, uint32_t ifindex, const LinkChange& change);

// NOT_FOUND when it is gone already.
absl::Status DeleteLink(Socket& socket, uint32_t ifindex);

}  // namespace fairlead::netlink
