#include "controller/source/manifest_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "base/utf8.h"
#include "base/yaml/value.h"

namespace fairlead::controller {
namespace {

// The file's text. O_NONBLOCK: a pipe in the folder must not hold everything up.
absl::StatusOr<std::string> ReadText(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return ErrnoError(errno, "open");
  struct stat info{};
  if (::fstat(fd.get(), &info) < 0) return ErrnoError(errno, "stat");
  if (!S_ISREG(info.st_mode)) return absl::InvalidArgumentError("is no ordinary file");
  std::string text;
  std::array<char, 65536> buffer{};
  while (text.size() <= kMaxFileBytes) {
    ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError(errno, "read");
    if (got == 0) break;
    text.append(buffer.data(), static_cast<size_t>(got));
  }
  return text;
}

Manifest Unreadable(const std::string& path, const std::string& message) {
  Manifest manifest;
  manifest.unreadable = Rejection{ShownPath(path), {ShownPath(path), 1}, message};
  return manifest;
}

bool IsShort(const std::vector<std::string>& paths) {
  size_t bytes = 0;
  for (const std::string& path : paths) {
    struct stat info{};
    if (::stat(path.c_str(), &info) == 0) bytes += static_cast<size_t>(info.st_size);
    if (bytes > ManifestReader::kShort) return false;
  }
  return true;
}

}  // namespace

std::string ShownPath(const std::string& path) {
  return IsUtf8(path) ? path : absl::CHexEscape(path);
}

std::optional<Manifest> ReadManifestFile(const std::string& path) {
  absl::StatusOr<std::string> text = ReadText(path);
  if (absl::IsNotFound(text.status())) return std::nullopt;
  if (!text.ok()) return Unreadable(path, absl::StrCat("cannot be read: ", text.status().message()));
  // What a writer leaves that was cut off: to take it for "no objects" would lift every policy.
  if (text->empty()) return Unreadable(path, "is empty; delete the file to remove its objects");
  return ReadManifest(ShownPath(path), *text);
}

ManifestReader::ManifestReader(EventLoop* loop) : loop_(loop), alive_(std::make_shared<bool>(true)) {
  thread_ = std::thread([this] { Run(); });
}

ManifestReader::~ManifestReader() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
  *alive_ = false;
}

void ManifestReader::Read(std::vector<std::string> paths, Done done) {
  if (idle() && IsShort(paths)) {
    std::vector<File> files;
    for (const std::string& path : paths) files.push_back({path, ReadManifestFile(path)});
    done(std::move(files));
    return;
  }
  ++waiting_;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    jobs_.push_back({std::move(paths), std::move(done)});
  }
  changed_.notify_one();
}

void ManifestReader::Run() {
  while (true) {
    Job job;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [&] { return ending_ || !jobs_.empty(); });
      if (ending_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    std::vector<File> files;
    for (const std::string& path : job.paths) {
      if (ending_) return;
      files.push_back({path, ReadManifestFile(path)});
    }
    loop_->Post([this, alive = alive_, done = std::move(job.done), files = std::move(files)]() mutable {
      if (*alive) Finish(done, std::move(files));
    });
  }
}

void ManifestReader::Finish(const Done& done, std::vector<File> files) {
  --waiting_;
  done(std::move(files));
}

}  // namespace fairlead::controller
