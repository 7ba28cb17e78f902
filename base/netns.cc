#include "base/netns.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace fairlead {

absl::StatusOr<UniqueFd> OpenNetns(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoError(errno, absl::StrCat("open network namespace ", path));
  struct statfs fs;
  if (fstatfs(fd.get(), &fs) != 0) return ErrnoError(errno, absl::StrCat("statfs ", path));
  if (fs.f_type != NSFS_MAGIC) {
    return absl::NotFoundError(absl::StrCat("'", path, "' is no longer a network namespace"));
  }
  if (ioctl(fd.get(), NS_GET_NSTYPE) != CLONE_NEWNET) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", path, "' is a namespace of another kind than network"));
  }
  return fd;
}

absl::StatusOr<NetnsScope> NetnsScope::Enter(int netns_fd) {
  UniqueFd previous(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!previous.valid()) return ErrnoError(errno, "open the current network namespace");
  if (setns(netns_fd, CLONE_NEWNET) != 0) return ErrnoError(errno, "enter network namespace");
  return NetnsScope(std::move(previous));
}

NetnsScope::~NetnsScope() {
  if (!previous_.valid()) return;
  if (setns(previous_.get(), CLONE_NEWNET) != 0) {
    std::perror("fatal: leave network namespace");
    std::abort();
  }
}

}  // namespace fairlead
