#include "cni/release_queue.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"

namespace fairlead::cni {

absl::Status QueueRelease(const std::string& queue_dir, const Attachment& attachment,
                          const std::string& request_line) {
  for (size_t end = queue_dir.find('/', 1);; end = queue_dir.find('/', end + 1)) {
    const std::string folder = queue_dir.substr(0, end);
    if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
      return ErrnoError(errno, absl::StrCat("make the folder ", folder));
    }
    if (end == std::string::npos) break;
  }
  const std::string name =
      absl::StrCat(queue_dir, "/", attachment.container_id, "-", attachment.if_name, ".json");
  const std::string temporary = absl::StrCat(name, ".", getpid(), ".tmp");
  UniqueFd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid()) return ErrnoError(errno, absl::StrCat("create ", temporary));
  const ssize_t written = write(fd.get(), request_line.data(), request_line.size());
  const int error = written < 0 ? errno : ENOSPC;
  if (written != static_cast<ssize_t>(request_line.size()) || fsync(fd.get()) != 0 ||
      rename(temporary.c_str(), name.c_str()) != 0) {
    unlink(temporary.c_str());
    return ErrnoError(error, absl::StrCat("write ", name));
  }
  return absl::OkStatus();
}

}  // namespace fairlead::cni
