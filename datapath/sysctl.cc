#include "datapath/sysctl.h"

#include <fcntl.h>
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
  UniqueFd fd(open(PathOf(name).c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoError(errno, absl::StrCat("open sysctl ", name));
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
