#include "agent/cni/release_folder.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/cni/cni_request.h"
#include "agent/cni/cni_server.h"
#include "agent/files.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "spdlog/spdlog.h"

namespace fairlead::agent {
namespace {

absl::StatusOr<std::string> KeyOf(const std::string& path) {
  ASSIGN_OR_RETURN(std::string text, ReadFile(path, CniServer::kMaxLine));
  ASSIGN_OR_RETURN(auto parsed, ParseCniLine(text));
  const auto* request = std::get_if<CniRequest>(&parsed);
  if (request == nullptr || request->command != CniCommand::kDel) {
    return absl::InvalidArgumentError("is not the request of a DEL");
  }
  return request->key();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ReleaseFolder>> ReleaseFolder::Open(const std::string& folder, EventLoop* loop,
                                                                   Release release) {
  RETURN_IF_ERROR(MakeFolder(folder));
  auto queue = absl::WrapUnique(new ReleaseFolder(folder, loop, std::move(release)));
  queue->inotify_.reset(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!queue->inotify_.valid() || inotify_add_watch(queue->inotify_.get(), folder.c_str(), IN_MOVED_TO) < 0) {
    return ErrnoError(errno, absl::StrCat("watch ", folder));
  }
  RETURN_IF_ERROR(loop->Watch(queue->inotify_.get(), [raw = queue.get()] {
    char events[4096];
    while (read(raw->inotify_.get(), events, sizeof(events)) > 0) {
    }
    raw->Replay();
  }));
  return queue;
}

ReleaseFolder::~ReleaseFolder() {
  loop_->Unwatch(inotify_.get());
}

void ReleaseFolder::Replay() {
  std::error_code error;
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    if (absl::EndsWith(entry.path().string(), ".json")) paths.push_back(entry.path().string());
  }
  if (error) spdlog::warn("list {}: {}", folder_, error.message());
  for (const std::string& path : paths) {
    absl::StatusOr<std::string> key = KeyOf(path);
    if (!key.ok()) {
      absl::StatusOr<std::string> aside = SetAside(path);
      spdlog::warn("queued DEL {}: {}; set aside", aside.ok() ? *aside : path,
                   std::string(key.status().message()));
      continue;
    }
    if (absl::Status status = release_(*key); !status.ok()) {
      spdlog::warn("queued DEL of sandbox {}: {}; stays in the queue", *key, std::string(status.message()));
      continue;
    }
    spdlog::info("queued DEL of sandbox {}: done", *key);
    unlink(path.c_str());
  }
}

}  // namespace fairlead::agent
