#include "cli/lab/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <functional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"

namespace fairlead::lab {
namespace {

absl::Status WriteAll(int fd, const std::string& text, const std::string& path) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t count = ::write(fd, text.data() + done, text.size() - done);
    if (count < 0) return ErrnoError(errno, absl::StrCat("write ", path));
    done += static_cast<size_t>(count);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoError(errno, absl::StrCat("open ", path));
  std::string text;
  char buffer[16 * 1024];
  while (true) {
    const ssize_t count = ::read(fd.get(), buffer, sizeof buffer);
    if (count < 0) return ErrnoError(errno, absl::StrCat("read ", path));
    if (count == 0) return text;
    text.append(buffer, static_cast<size_t>(count));
  }
}

absl::Status WriteFileAtomically(const std::string& path, const std::string& text,
                                 const std::string& scratch_dir) {
  const size_t thread = std::hash<std::thread::id>()(std::this_thread::get_id());
  const std::string scratch = absl::StrCat(scratch_dir, "/.new-", ::getpid(), "-", thread);
  UniqueFd fd(::open(scratch.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd.valid()) return ErrnoError(errno, absl::StrCat("make ", scratch));
  absl::Status status = WriteAll(fd.get(), text, scratch);
  if (status.ok() && ::rename(scratch.c_str(), path.c_str()) != 0) {
    status = ErrnoError(errno, absl::StrCat("rename to ", path));
  }
  if (!status.ok()) ::unlink(scratch.c_str());
  return status;
}

absl::Status OverwriteFile(const std::string& path, const std::string& text) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  if (!fd.valid()) return ErrnoError(errno, absl::StrCat("open ", path));
  RETURN_IF_ERROR(WriteAll(fd.get(), text, path));
  // Files of /proc have no length to set.
  if (::ftruncate(fd.get(), static_cast<off_t>(text.size())) != 0 && errno != EINVAL && errno != EPERM) {
    return ErrnoError(errno, absl::StrCat("truncate ", path));
  }
  return absl::OkStatus();
}

}  // namespace fairlead::lab
