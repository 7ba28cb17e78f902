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
    std::error_code error;
    fs::create_directories(fs::path(path).parent_path(), error);
    if (error == std::errc::no_such_file_or_directory) continue;
    if (error) return ErrnoError(error.value(), absl::StrCat("make the folder of ", path));
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
