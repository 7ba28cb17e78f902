#include "agent/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace fairlead::agent {
namespace {

constexpr auto kPause = std::chrono::milliseconds(100);

}  // namespace

absl::StatusOr<UniqueFd> LockFolder(const std::string& folder, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  const std::string path = folder + "/agent.lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  int error = errno;
  if (!fd.valid() && error == EROFS) {
    fd.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd.valid() && errno != ENOENT) error = errno;
  }
  if (!fd.valid()) {
    return WrapError(ErrnoError(error, absl::StrCat("create ", path)),
                     "lock the folder (mend it, or give another directory)");
  }
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (std::chrono::steady_clock::now() >= deadline) {
      return absl::AlreadyExistsError(absl::StrCat(
          "lock ", path, ": another fairlead-agent runs here; stop that one, or give another directory"));
    }
    std::this_thread::sleep_for(kPause);
  }
  return fd;
}

}  // namespace fairlead::agent
