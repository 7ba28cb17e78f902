// The host's ends of pod links, as the life cycle needs them: the seam between it and netlink.
#pragma once

#include <cstdint>
#include <future>
#include <list>
#include <map>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/pods/link_alias.h"
#include "base/netlink/socket.h"

namespace fairlead::agent {

class Links {
 public:
  virtual ~Links() = default;
  // Devices named like ours (lease.h, IsHostInterfaceName) -> index.
  virtual absl::StatusOr<std::map<std::string, uint32_t>> List() = 0;
  // Of these, what somebody has set down.
  virtual absl::StatusOr<std::set<uint32_t>> Down() = 0;
  // NOT_FOUND when there is none.
  virtual absl::StatusOr<uint32_t> Find(const std::string& name) = 0;
  // NOT_FOUND when there is none.
  virtual absl::StatusOr<HostEnd> Describe(const std::string& name) = 0;
  // Up, and `alias` noted at it (link_alias.h); empty: none.
  virtual absl::Status BringUp(uint32_t ifindex, const std::string& alias) = 0;
  // Takes the pod's end along; nobody sees either when it returns. OK when it is gone already.
  virtual absl::Status Delete(const std::string& name) = 0;
};

// In the network namespace of the thread that opens it and calls it.
//
// The kernel takes a device out of sight within a millisecond or two, but lets the caller of a deletion
// wait for ten times as long, until its last user has let go. That wait is a helper thread's: Delete
// returns as soon as the device is out of sight.
class NetlinkLinks : public Links {
 public:
  static absl::StatusOr<NetlinkLinks> Open();

  absl::StatusOr<std::map<std::string, uint32_t>> List() override;
  absl::StatusOr<std::set<uint32_t>> Down() override;
  absl::StatusOr<uint32_t> Find(const std::string& name) override;
  absl::StatusOr<HostEnd> Describe(const std::string& name) override;
  absl::Status BringUp(uint32_t ifindex, const std::string& alias) override;
  absl::Status Delete(const std::string& name) override;

 private:
  explicit NetlinkLinks(netlink::Socket socket) : socket_(std::move(socket)) {}

  netlink::Socket socket_;
  std::list<std::future<absl::Status>> deletions_;  // out of sight, not returned yet
};

}  // namespace fairlead::agent
