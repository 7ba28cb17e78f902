#include "datapath/instance_lock.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <cerrno>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"

namespace fairlead::datapath {
namespace {

absl::Status MakeFolders(const std::string& path) {
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string folder = path.substr(0, slash);
    if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
      return ErrnoError(errno, absl::StrCat("make folder ", folder));
    }
    if (slash == std::string::npos) return absl::OkStatus();
  }
}

// The process that holds the lock on an inode, from /proc/locks; "another process" when unknown.
std::string HolderOf(int fd) {
  struct stat stat{};
  if (fstat(fd, &stat) != 0) return "another process";
  const std::string inode = absl::StrFormat("%02x:%02x:%d", major(stat.st_dev), minor(stat.st_dev),
                                            static_cast<int64_t>(stat.st_ino));
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    const std::vector<std::string> fields = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (fields.size() > 5 && fields[1] == "FLOCK" && fields[5] == inode) {
      return absl::StrCat("process ", fields[4]);
    }
  }
  return "another process";
}

}  // namespace

absl::StatusOr<UniqueFd> LockPinDir(const std::string& pin_dir) {
  RETURN_IF_ERROR(MakeFolders(pin_dir + "/links"));
  UniqueFd fd(open(pin_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoError(errno, absl::StrCat("open ", pin_dir));
  struct statfs fs{};
  if (fstatfs(fd.get(), &fs) != 0) return ErrnoError(errno, absl::StrCat("statfs ", pin_dir));
  if (fs.f_type != BPF_FS_MAGIC) {
    return absl::FailedPreconditionError(absl::StrCat(
        "pin folder ", pin_dir, " is not on a bpf file system; mount one: mount -t bpf bpf /sys/fs/bpf"));
  }
  if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno != EWOULDBLOCK) return ErrnoError(errno, absl::StrCat("lock ", pin_dir));
  return absl::FailedPreconditionError(absl::StrCat("lock ", pin_dir, ": ", HolderOf(fd.get()),
                                                    " runs a datapath there; stop it, or give this one "
                                                    "another --pin-dir"));
}

}  // namespace fairlead::datapath
