#include "controller/source/folder_source.h"

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
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"

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
  // Nobody is served before everything has been read once.
  for (const std::string& folder : source->folders_) {
    std::vector<ManifestReader::File> files;
    for (const std::string& path : source->Rescan(folder)) files.push_back({path, ReadManifestFile(path)});
    source->Take(std::move(files));
  }
  source->Advance();
  RETURN_IF_ERROR(loop->Watch(source->inotify_.get(), [raw = source.get()] { raw->OnInotify(); }));
  return source;
}

FolderSource::FolderSource(const std::vector<std::string>& folders, const Clock& clock, EventLoop* loop,
                           std::function<void()> changed, UniqueFd inotify)
    : clock_(clock), loop_(loop), changed_(std::move(changed)), inotify_(std::move(inotify)), reader_(loop) {
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
  std::vector<std::string> found;
  bool any = false;
  for (const auto& [folder, reason] : lost) {
    WatchFolder(folder);
    if (lost_.count(folder) > 0) continue;
    const std::vector<std::string> paths = Rescan(folder);
    found.insert(found.end(), paths.begin(), paths.end());
    any = true;
  }
  if (any) ReadAndTell(std::move(found), {}, 0);
}

void FolderSource::Take(std::vector<ManifestReader::File> files) {
  for (ManifestReader::File& file : files) {
    // Its going has an event of its own.
    if (file.manifest) inventory_.SetFile(ShownPath(file.path), *std::move(file.manifest));
  }
}

void FolderSource::ReadAndTell(std::vector<std::string> paths, std::vector<std::string> gone,
                               uint64_t watermark) {
  reader_.Read(std::move(paths), [this, gone = std::move(gone), watermark](auto files) {
    Take(std::move(files));
    for (const std::string& path : gone) {
      if (::access(path.c_str(), F_OK) == 0) continue;  // it is back, and its event under way
      inventory_.RemoveFile(ShownPath(path));
      for (auto& [folder, seen] : seen_) seen.erase(path);
    }
    watermark_ = std::max(watermark_, watermark);
    Advance();
    changed_();
  });
}

std::vector<std::string> FolderSource::Rescan(const std::string& folder) {
  std::error_code error;
  std::set<std::string> now;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::string name = entry->path().filename().string();
    if (IsManifestName(name)) now.insert(PathOf(folder, name));
  }
  if (error) {
    lost_[folder] = error.message();
    return {};
  }
  std::set<std::string>& seen = seen_[folder];
  for (const std::string& path : seen) {
    if (now.count(path) == 0) changes_.OnGone(path, clock_.MonotonicNs());
  }
  seen.insert(now.begin(), now.end());
  Schedule();
  return {now.begin(), now.end()};
}

bool FolderSource::Settled() {
  OnInotify();
  return !changes_.NextNs() && reader_.idle() && lost_.empty();
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
  std::vector<std::string> written;
  std::vector<std::string> gone;
  for (FolderChanges::Due& due : changes_.TakeDue(clock_.MonotonicNs())) {
    (due.action == FolderChanges::Action::kRead ? written : gone).push_back(std::move(due.file));
  }
  Schedule();
  if (!written.empty() || !gone.empty()) ReadAndTell(std::move(written), std::move(gone), 0);
}

void FolderSource::Advance() {
  objects_ = inventory_.Objects();
  const int64_t now_us = std::max<int64_t>(clock_.WallNs(), 0) / 1000;
  watermark_ = std::max(watermark_ + 1, static_cast<uint64_t>(now_us));
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
  if (watermark <= std::max(watermark_, catching_up_with_)) return;
  catching_up_with_ = watermark;
  std::vector<std::string> paths;
  for (const std::string& folder : folders_) {
    const std::vector<std::string> there = Rescan(folder);
    paths.insert(paths.end(), there.begin(), there.end());
  }
  ReadAndTell(std::move(paths), {}, watermark);
}

}  // namespace fairlead::controller
