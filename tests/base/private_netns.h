// A network namespace without a name: nobody else sees it, and it ends with the last descriptor,
// also when the test is killed.
#pragma once

#include <fcntl.h>
#include <sched.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "base/unique_fd.h"

namespace fairlead {

inline UniqueFd NewPrivateNetns() {
  UniqueFd fd;
  std::thread([&fd] {
    if (unshare(CLONE_NEWNET) != 0) {
      std::perror("make a network namespace (this test needs root)");
      std::exit(1);
    }
    fd.reset(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  }).join();
  return fd;
}

}  // namespace fairlead
