#include "cli/lab/log_keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "spdlog/spdlog.h"

namespace fairlead::lab {
namespace {

constexpr size_t kMaxLogBytes = 4 << 20;
constexpr size_t kMinLogBytes = 16 << 10;
constexpr int kIntervalMs = 1000;
constexpr char kGone[] = "... earlier lines are gone: a lab keeps the end of a log\n";

}  // namespace

size_t LogLimit(size_t files) {
  // Half of the room: a file may grow beyond its limit before it is looked at again.
  return std::clamp(kAllLogBytes / 2 / std::max<size_t>(files, 1), kMinLogBytes, kMaxLogBytes);
}

absl::Status ShortenLog(const std::string& path, size_t limit) {
  const UniqueFd fd(::open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC));
  if (!fd.valid()) return ErrnoError(errno, absl::StrCat("open ", path));
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return ErrnoError(errno, absl::StrCat("stat ", path));
  const auto size = static_cast<size_t>(info.st_size);
  if (!S_ISREG(info.st_mode) || size <= limit) return absl::OkStatus();
  std::string text(limit / 4, '\0');
  const ssize_t got = ::pread(fd.get(), text.data(), text.size(), static_cast<off_t>(size - text.size()));
  if (got < 0) return ErrnoError(errno, absl::StrCat("read ", path));
  text.resize(static_cast<size_t>(got));
  const size_t begin = text.find('\n');  // of the first whole line
  if (begin != std::string::npos) text.erase(0, begin + 1);
  text.insert(0, kGone);
  if (::ftruncate(fd.get(), 0) != 0) return ErrnoError(errno, absl::StrCat("shorten ", path));
  if (::write(fd.get(), text.data(), text.size()) < 0) return ErrnoError(errno, absl::StrCat("write ", path));
  return absl::OkStatus();
}

LogKeeper::LogKeeper(std::string folder)
    : folder_(std::move(folder)), stop_(::eventfd(0, EFD_CLOEXEC)), thread_([this] { Run(); }) {}

LogKeeper::~LogKeeper() {
  ::eventfd_write(stop_.get(), 1);
  thread_.join();
}

void LogKeeper::Run() {
  pollfd interest{.fd = stop_.get(), .events = POLLIN, .revents = 0};
  while (::poll(&interest, 1, kIntervalMs) == 0) LookAtAll();
}

void LogKeeper::LookAtAll() const {
  std::vector<std::string> files;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder_, error), end; !error && entry != end;
       entry.increment(error)) {
    files.push_back(entry->path());
  }
  for (const std::string& file : files) {
    const absl::Status status = ShortenLog(file, LogLimit(files.size()));
    if (!status.ok() && !absl::IsNotFound(status)) {
      spdlog::warn("keep the log short: {}", std::string(status.message()));
    }
  }
}

}  // namespace fairlead::lab
