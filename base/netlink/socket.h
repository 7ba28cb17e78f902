// A netlink socket of one network namespace. Requests are synchronous; the kernel's own words
// on a refusal (extended ack) are part of the status.
//
// Stays in the namespace in which it was opened, whatever namespace the thread enters later. Not
// thread-safe.
#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/netlink/message.h"
#include "base/unique_fd.h"

namespace fairlead::netlink {

class Socket {
 public:
  // In the calling thread's network namespace. `protocol`: NETLINK_ROUTE, NETLINK_SOCK_DIAG, ...
  static absl::StatusOr<Socket> Open(int protocol = NETLINK_ROUTE);
  // In the namespace that `netns_fd` refers to.
  static absl::StatusOr<Socket> OpenIn(int netns_fd);

  // Sends `message` and waits for its acknowledgement.
  absl::Status Execute(Message& message);
  // Sends all `messages` at once, as a transaction of a subsystem that has them (nftables), and waits until
  // the one at `acknowledged` is acknowledged, or any is refused.
  absl::Status ExecuteTogether(std::vector<Message>& messages, size_t acknowledged);
  // Sends `message`, hands every reply to `visit`, and waits for the end of the dump or the
  // acknowledgement.
  absl::Status Query(Message& message, const std::function<void(const nlmsghdr*)>& visit);

 private:
  explicit Socket(UniqueFd fd) : fd_(std::move(fd)) {}
  // Hands replies to `take` until that says how it ended.
  absl::Status Receive(const std::function<std::optional<absl::Status>(const nlmsghdr*)>& take);

  UniqueFd fd_;
  uint32_t sequence_ = 0;
};

}  // namespace fairlead::netlink
