#include "cli/lab/lab_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace fairlead::lab {
namespace {

namespace fs = std::filesystem;

// The file is still the one that has that name: who had the lock before may have removed it.
bool IsAt(const UniqueFd& fd, const std::string& path) {
  struct stat held, named;
  return ::fstat(fd.get(), &held) == 0 && ::stat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino &&
         held.st_dev == named.st_dev;
}

}  // namespace

absl::StatusOr<LabLock> LabLock::Take(const std::string& path) {
  while (true) {
    // Not create_directories(), which fails when a folder that was there is gone a moment later.
    const fs::path folder = fs::path(path).parent_path(), above = folder.parent_path();
    if (::mkdir(above.c_str(), 0755) != 0 && errno != EEXIST)
      return ErrnoError(errno, absl::StrCat("make folder ", above.string()));
    if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST && errno != ENOENT)
      return ErrnoError(errno, absl::StrCat("make folder ", folder.string()));
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!fd.valid()) {
      if (errno == ENOENT) continue;  // somebody's last lab has just gone, with the folder
      return ErrnoError(errno, absl::StrCat("open ", path));
    }
    while (::flock(fd.get(), LOCK_EX) != 0) {
      if (errno != EINTR) return ErrnoError(errno, absl::StrCat("lock ", path));
    }
    if (IsAt(fd, path)) return LabLock(path, std::move(fd));
  }
}

LabLock::~LabLock() {
  if (!fd_.valid()) return;
  ::unlink(path_.c_str());
  // When nobody else wants one, and no lab is left.
  const fs::path folder = fs::path(path_).parent_path();
  ::rmdir(folder.c_str());
  ::rmdir(folder.parent_path().c_str());
}

}  // namespace fairlead::lab
