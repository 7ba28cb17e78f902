#include "datapath/sysctl.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"

namespace fairlead::datapath {
namespace {

std::string PathOf(const std::string& name) {
  return absl::StrCat("/proc/sys/", name);
}

// A procfs of our own, mounted nowhere. A container has /proc/sys read-only, this one is not; both show the
// settings of the calling thread's network namespace.
absl::StatusOr<UniqueFd> OpenProc() {
  const UniqueFd context(fsopen("proc", FSOPEN_CLOEXEC));
  if (!context.valid()) return ErrnoError(errno, "open a procfs");
  if (fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
    return ErrnoError(errno, "make a procfs");
  UniqueFd root(fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
  if (!root.valid()) return ErrnoError(errno, "mount a procfs");
  return root;
}

absl::StatusOr<UniqueFd> OpenToWrite(const std::string& name) {
  UniqueFd fd(open(PathOf(name).c_str(), O_WRONLY | O_CLOEXEC));
  const int error = errno;
  if (!fd.valid() && error == EROFS) {
    ASSIGN_OR_RETURN(const UniqueFd proc, OpenProc());
    fd.reset(openat(proc.get(), absl::StrCat("sys/", name).c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd.valid()) return ErrnoError(errno, absl::StrCat("open sysctl ", name, " of an own procfs"));
  }
  if (!fd.valid()) return ErrnoError(error, absl::StrCat("open sysctl ", name));
  return fd;
}

}  // namespace

absl::StatusOr<std::string> ReadSysctl(const std::string& name) {
  UniqueFd fd(open(PathOf(name).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoError(errno, absl::StrCat("open sysctl ", name));
  char buffer[4096];
  const ssize_t size = read(fd.get(), buffer, sizeof(buffer));
  if (size < 0) return ErrnoError(errno, absl::StrCat("read sysctl ", name));
  std::string value(buffer, static_cast<size_t>(size));
  absl::StripTrailingAsciiWhitespace(&value);
  return value;
}

absl::Status WriteSysctl(const std::string& name, const std::string& value) {
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenToWrite(name));
  // An empty list is written as an empty line.
  const std::string line = value + "\n";
  if (write(fd.get(), line.data(), line.size()) < 0) {
    return ErrnoError(errno, absl::StrCat("write sysctl ", name, " = ", value));
  }
  return absl::OkStatus();
}

absl::Status EnsureSysctl(Ledger& ledger, const std::string& name, const std::string& value) {
  const absl::StatusOr<std::string> now = ReadSysctl(name);
  if (absl::IsNotFound(now.status())) return absl::OkStatus();
  RETURN_IF_ERROR(now.status());
  if (*now == value) return absl::OkStatus();
  RETURN_IF_ERROR(ledger.Record(absl::StrCat("sysctl ", name), *now));
  return WriteSysctl(name, value);
}

}  // namespace fairlead::datapath
