// Tables, chains and jumps of nftables (linux/netfilter/nf_tables.h), as far as it takes to find the rules of
// another program and to take them away. The iptables of today (iptables-nft) keeps its chains there, too.
// Not for making rules.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/netlink/message.h"
#include "base/netlink/socket.h"

namespace fairlead::netlink {

struct NftChain {
  uint8_t family = 0;  // NFPROTO_IPV4, NFPROTO_IPV6, ...
  std::string table, name;

  bool operator==(const NftChain&) const = default;
};

// A rule that hands packets to another chain of its table.
struct NftJump {
  NftChain from;
  uint64_t handle = 0;  // of the rule
  std::string to;
};

// In the calling thread's network namespace. For all that follows.
absl::StatusOr<Socket> OpenNftables();

// False also where the kernel has no nftables.
absl::StatusOr<bool> HasNftTable(Socket& socket, uint8_t family, const std::string& table);
absl::StatusOr<bool> HasNftChain(Socket& socket, const NftChain& chain);
// Of all tables.
absl::StatusOr<std::vector<NftChain>> NftChains(Socket& socket);
absl::StatusOr<std::vector<NftJump>> NftJumps(Socket& socket);

// Changes that take effect all together or not at all.
class NftBatch {
 public:
  // More fit into no socket buffer.
  static constexpr size_t kMaxChanges = 500;

  void DeleteTable(uint8_t family, const std::string& table);
  void DeleteRule(const NftJump& jump);
  // All its rules.
  void FlushChain(const NftChain& chain);
  // Must have no rules, and no jump to it.
  void DeleteChain(const NftChain& chain);
  size_t size() const { return changes_.size(); }

  // Leaves the batch empty.
  absl::Status Commit(Socket& socket);

 private:
  std::vector<Message> changes_;
};

}  // namespace fairlead::netlink
