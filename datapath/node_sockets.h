// The end of the node's own connections to a Service whose backend was removed. Pods' connections are ended
// by their packets; those of the node's processes leave by no device of a pod, so that their sockets are
// ended instead: they all are in the node's own network namespace.
//
// Which sockets were led where is told by the map "socket_choice" (abi/service.h).
#pragma once

#include <cstdint>

#include "absl/status/status.h"

namespace fairlead::datapath {

class NodeSockets {
 public:
  // Descriptors of "socket_choice" and "backend", borrowed. The namespace is that of the calling thread.
  NodeSockets(int choice_fd, int backend_fd) : choice_fd_(choice_fd), backend_fd_(backend_fd) {}

  // Whether the kernel ends sockets for others.
  static bool Supported();

  // `removals`: how many backends were removed so far. Looks at sockets when that has changed, at most five
  // times a second: what comes too early is done by a later call.
  absl::Status Follow(uint64_t removals, int64_t now_ns);

 private:
  absl::Status EndOrphans() const;

  int choice_fd_;
  int backend_fd_;
  uint64_t followed_ = 0;
  int64_t next_ns_ = 0;
};

}  // namespace fairlead::datapath
