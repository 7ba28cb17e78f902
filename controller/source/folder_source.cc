#include "controller/source/folder_source.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "base/yaml/value.h"

namespace fairlead::controller {
namespace {

constexpr uint32_t kEvents = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM |
                             IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr auto kRewatch = std::chrono::seconds(1);

bool IsManifestName(const std::string& name) {
  if (absl::StartsWith(name, ".")) return false;
  return absl::EndsWith(name, ".yaml") || absl::EndsWith(name, ".yml") || absl::EndsWith(name, ".json");
}

std::string PathOf(const std::string& folder, const std::string& name) {
  return absl::StrCat(folder, "/", name);
}

// A path as it is shown, which may be only in UTF-8.
std::string Shown(const std::string& path) {
  return IsUtf8(path) ? path : absl::CHexEscape(path);
}

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
  manifest.unreadable = Rejection{Shown(path), {Shown(path), 1}, message};
  return manifest;
}

}  // namespace

absl::StatusOr<std::unique_ptr<FolderSource>> FolderSource::Open(const std::vector<std::string>& folders,
                                                                 const Clock& clock, EventLoop* loop,
                                                                 std::function<void()> changed) {
  for (const std::string& folder : folders) {
    struct stat info{};
    if (::stat(folder.c_str(), &info) < 0)
      return ErrnoError(errno, absl::StrCat("open the folder of manifests ", folder));
    if (!S_ISDIR(info.st_mode)) {
      return absl::InvalidArgumentError(
          absl::StrCat(folder, " is no folder; name the folder that holds the manifests"));
    }
  }
  UniqueFd inotify(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!inotify.valid()) {
    return ErrnoError(errno, "create an inotify instance (see sysctl fs.inotify.max_user_instances)");
  }
  auto source =
      absl::WrapUnique(new FolderSource(folders, clock, loop, std::move(changed), std::move(inotify)));
  // Watched first, read then: what changes in between is read twice rather than never.
  for (const std::string& folder : source->folders_) source->WatchFolder(folder);
  if (!source->lost_.empty()) {
    return absl::UnavailableError(
        absl::StrCat("watch ", source->lost_.begin()->first, ": ", source->lost_.begin()->second));
  }
  for (const std::string& folder : source->folders_) source->Rescan(folder);
  source->Advance();
  RETURN_IF_ERROR(loop->Watch(source->inotify_.get(), [raw = source.get()] { raw->OnInotify(); }));
  return source;
}

FolderSource::FolderSource(const std::vector<std::string>& folders, const Clock& clock, EventLoop* loop,
                           std::function<void()> changed, UniqueFd inotify)
    : clock_(clock), loop_(loop), changed_(std::move(changed)), inotify_(std::move(inotify)) {
  for (std::string folder : folders) {
    while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
    if (std::find(folders_.begin(), folders_.end(), folder) == folders_.end()) folders_.push_back(folder);
  }
}

FolderSource::~FolderSource() {
  loop_->Unwatch(inotify_.get());
  loop_->Cancel(rewatch_timer_);
  loop_->Cancel(due_timer_);
}

void FolderSource::WatchFolder(const std::string& folder) {
  int watch = ::inotify_add_watch(inotify_.get(), folder.c_str(), kEvents);
  if (watch < 0) {
    lost_[folder] = std::strerror(errno);
    RewatchLater();
    return;
  }
  watches_[watch] = folder;
  lost_.erase(folder);
}

// A folder that was moved away or deleted may come back, and has to be looked for.
void FolderSource::RewatchLater() {
  loop_->Cancel(rewatch_timer_);
  rewatch_timer_ = loop_->After(kRewatch, [this] { RewatchLost(); });
}

void FolderSource::RewatchLost() {
  const std::map<std::string, std::string> lost = lost_;
  bool found = false;
  for (const auto& [folder, reason] : lost) {
    WatchFolder(folder);
    if (lost_.count(folder) > 0) continue;
    Rescan(folder);
    found = true;
  }
  if (found) {
    Advance();
    changed_();
  }
}

void FolderSource::ReadFile(const std::string& path) {
  absl::StatusOr<std::string> text = ReadText(path);
  if (absl::IsNotFound(text.status())) return;  // its going has an event of its own
  if (!text.ok()) {
    inventory_.SetFile(Shown(path),
                       Unreadable(path, absl::StrCat("cannot be read: ", text.status().message())));
  } else if (text->empty()) {
    // What a writer leaves that was cut off: to take it for "no objects" would lift every policy.
    inventory_.SetFile(Shown(path), Unreadable(path, "is empty; delete the file to remove its objects"));
  } else {
    inventory_.SetFile(Shown(path), ReadManifest(Shown(path), *text));
  }
}

void FolderSource::Rescan(const std::string& folder) {
  std::error_code error;
  std::set<std::string> now;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::string name = entry->path().filename().string();
    if (IsManifestName(name)) now.insert(PathOf(folder, name));
  }
  if (error) {
    lost_[folder] = error.message();
    return;
  }
  std::set<std::string>& seen = seen_[folder];
  for (const std::string& path : now) ReadFile(path);
  for (const std::string& path : seen) {
    if (now.count(path) == 0) changes_.OnGone(path, clock_.MonotonicNs());
  }
  seen.insert(now.begin(), now.end());
  Schedule();
}

void FolderSource::OnInotify() {
  alignas(inotify_event) std::array<char, 16384> buffer{};
  ssize_t got = 0;
  while ((got = ::read(inotify_.get(), buffer.data(), buffer.size())) > 0) {
    for (ssize_t at = 0; at < got;) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof(event));
      std::string name = event.len > 0 ? std::string(buffer.data() + at + sizeof(event)) : "";
      at += static_cast<ssize_t>(sizeof(event) + event.len);
      if ((event.mask & IN_Q_OVERFLOW) != 0) {
        for (const std::string& folder : folders_) OnEvent(folder, event.mask, "");
        continue;
      }
      auto watch = watches_.find(event.wd);
      if (watch != watches_.end()) OnEvent(std::string(watch->second), event.mask, name);
      if ((event.mask & IN_IGNORED) != 0) watches_.erase(event.wd);
    }
  }
  Schedule();
}

void FolderSource::OnEvent(const std::string& folder, uint32_t mask, const std::string& name) {
  if ((mask & (IN_DELETE_SELF | IN_MOVE_SELF)) != 0) {
    lost_[folder] = "the folder was moved or deleted";
    for (const auto& [watch, watched] : watches_) {
      if (watched == folder) ::inotify_rm_watch(inotify_.get(), watch);
    }
    RewatchLater();
    changed_();
    return;
  }
  int64_t now = clock_.MonotonicNs();
  if ((mask & IN_Q_OVERFLOW) != 0 || absl::StartsWith(name, "..")) {
    // Events were lost; or a mounted ConfigMap has switched its "..data" to another version.
    std::error_code error;
    for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
      std::string found = entry->path().filename().string();
      if (!IsManifestName(found)) continue;
      seen_[folder].insert(PathOf(folder, found));
      changes_.OnComplete(PathOf(folder, found), now);
    }
    for (const std::string& path : seen_[folder]) {
      if (::access(path.c_str(), F_OK) != 0) changes_.OnGone(path, now);
    }
    return;
  }
  if (!IsManifestName(name)) return;
  std::string path = PathOf(folder, name);
  if ((mask & (IN_DELETE | IN_MOVED_FROM)) != 0) {
    changes_.OnGone(path, now);
    return;
  }
  seen_[folder].insert(path);
  struct stat info{};
  bool is_link = ::lstat(path.c_str(), &info) == 0 && (S_ISLNK(info.st_mode) || info.st_nlink > 1);
  if ((mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) != 0 || ((mask & IN_CREATE) != 0 && is_link)) {
    changes_.OnComplete(path, now);
  } else {
    changes_.OnBeingWritten(path);
  }
}

void FolderSource::Schedule() {
  if (std::optional<int64_t> next = changes_.NextNs()) {
    loop_->Cancel(due_timer_);
    due_timer_ = loop_->At(*next, [this] { TakeDue(); });
  }
}

void FolderSource::TakeDue() {
  const std::vector<FolderChanges::Due> all = changes_.TakeDue(clock_.MonotonicNs());
  for (const FolderChanges::Due& due : all) {
    if (due.action == FolderChanges::Action::kRead) {
      ReadFile(due.file);
    } else if (::access(due.file.c_str(), F_OK) != 0) {  // else it is back, and its event under way
      inventory_.RemoveFile(Shown(due.file));
      for (auto& [folder, paths] : seen_) paths.erase(due.file);
    }
  }
  Schedule();
  if (all.empty()) return;
  Advance();
  changed_();
}

void FolderSource::Advance() {
  objects_ = inventory_.Objects();
  watermark_ = std::max(watermark_ + 1, static_cast<uint64_t>(std::max<int64_t>(clock_.WallNs(), 0)) / 1000);
}

std::vector<std::string> FolderSource::Lost() const {
  std::vector<std::string> lost;
  lost.reserve(lost_.size());
  for (const auto& [folder, reason] : lost_) lost.push_back(absl::StrCat(folder, ": ", reason));
  return lost;
}

std::string FolderSource::Describe() const {
  std::vector<std::string> ignored;
  for (const auto& [kind, count] : inventory_.Ignored()) ignored.push_back(absl::StrCat(kind, " ", count));
  return absl::StrCat(inventory_.file_count(), " files",
                      ignored.empty() ? "" : "; not used here: " + absl::StrJoin(ignored, ", "));
}

void FolderSource::CatchUpWith(uint64_t watermark) {
  if (watermark <= watermark_) return;
  for (const std::string& folder : folders_) Rescan(folder);
  watermark_ = watermark;
  Advance();
  changed_();
}

}  // namespace fairlead::controller
