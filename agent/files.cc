#include "agent/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"

namespace fairlead::agent {
namespace {

absl::Status WriteAll(int fd, absl::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoError(errno, absl::StrCat("write ", path));
    content.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

std::string FolderOf(const std::string& path) {
  const std::string folder = path.substr(0, path.rfind('/'));
  return folder.empty() ? "/" : folder;
}

absl::Status SyncFolderOf(const std::string& path) {
  const std::string folder = FolderOf(path);
  UniqueFd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || fsync(fd.get()) != 0) return ErrnoError(errno, absl::StrCat("sync folder ", folder));
  return absl::OkStatus();
}

}  // namespace

absl::Status ReplaceFile(const std::string& path, absl::string_view content, Durability durability,
                         mode_t mode) {
  const std::string temporary = path + ".tmp";
  UniqueFd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoError(errno, absl::StrCat("create ", temporary));
  auto remove = absl::MakeCleanup([&] { unlink(temporary.c_str()); });
  if (fchmod(fd.get(), mode) != 0) return ErrnoError(errno, absl::StrCat("set the mode of ", temporary));
  RETURN_IF_ERROR(WriteAll(fd.get(), content, temporary));
  if (durability == Durability::kMedium && fsync(fd.get()) != 0) {
    return ErrnoError(errno, absl::StrCat("sync ", temporary));
  }
  if (rename(temporary.c_str(), path.c_str()) != 0) return ErrnoError(errno, absl::StrCat("replace ", path));
  std::move(remove).Cancel();
  return durability == Durability::kMedium ? SyncFolderOf(path) : absl::OkStatus();
}

absl::Status ReplaceOwnFile(const std::string& path, absl::string_view content, Durability durability) {
  absl::Status replaced = ReplaceFile(path, content, durability);
  if (!absl::IsNotFound(replaced)) return replaced;
  RETURN_IF_ERROR(MakeFolder(FolderOf(path)));
  return ReplaceFile(path, content, durability);
}

absl::Status MakeFolder(const std::string& path) {
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string folder = path.substr(0, end);
    if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
      return ErrnoError(errno, absl::StrCat("make the folder ", folder));
    }
    if (end == std::string::npos) return absl::OkStatus();
  }
}

absl::StatusOr<std::string> SetAside(const std::string& path) {
  for (int number = 1;; ++number) {
    std::string target = absl::StrCat(path, ".damaged-", number);
    if (access(target.c_str(), F_OK) == 0) continue;
    if (rename(path.c_str(), target.c_str()) != 0) return ErrnoError(errno, absl::StrCat("set aside ", path));
    return target;
  }
}

}  // namespace fairlead::agent
