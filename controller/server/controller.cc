#include "controller/server/controller.h"

#include <algorithm>
#include <random>
#include <utility>

#include "absl/memory/memory.h"
#include "base/status_macros.h"
#include "controller/source/folder_source.h"
#include "controller/source/kubernetes_source.h"
#include "spdlog/spdlog.h"

namespace fairlead::controller {
namespace {

// Logs those of `now` that are not in `logged`, and makes that `now`; both are sorted.
void LogNew(const char* prefix, std::vector<Rejection> now, std::vector<Rejection>* logged) {
  for (const Rejection& one : now) {
    if (std::binary_search(logged->begin(), logged->end(), one)) continue;
    spdlog::warn("{}{} ({}): {}", prefix, one.object, one.where.ToString(), one.message);
  }
  *logged = std::move(now);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Controller>> Controller::Open(const std::vector<std::string>& folders,
                                                             const ClusterSettings& settings,
                                                             const Clock& clock, EventLoop* loop) {
  return OpenWith(settings, [&](std::function<void()> changed) {
    return FolderSource::Open(folders, clock, loop, std::move(changed));
  });
}

absl::StatusOr<std::unique_ptr<Controller>> Controller::OpenKubernetes(kube::ApiAccess access,
                                                                       const ClusterSettings& settings,
                                                                       EventLoop* loop) {
  return OpenWith(settings, [&](std::function<void()> changed) {
    return KubernetesSource::Open(std::move(access), std::random_device()(), loop, std::move(changed));
  });
}

absl::StatusOr<std::unique_ptr<Controller>> Controller::OpenWith(const ClusterSettings& settings,
                                                                 const OpenSource& open) {
  auto controller = absl::WrapUnique(new Controller(settings));
  ASSIGN_OR_RETURN(controller->source_, open([raw = controller.get()] { raw->TakeIn(); }));
  controller->Begin();
  return controller;
}

void Controller::Begin() {
  hub_.OnAgentAhead([this](uint64_t watermark) { source_->CatchUpWith(watermark); });
  if (source_->synced()) TakeIn();
}

void Controller::TakeIn() {
  const TouchedObjects touched = source_->TakeTouched();
  hub_.SetObjects(source_->objects(), source_->watermark(), touched);
  TakeRemarks(touched);
  LogNew("refused ", Rejections(), &logged_);
  LogNew("", Remarks(), &logged_remarks_);
  // A watcher may give its id back while it runs.
  const std::map<uint64_t, std::function<void()>> watchers = watchers_;
  for (const auto& [id, callback] : watchers) callback();
}

std::vector<Rejection> Controller::Rejections() const {
  std::vector<Rejection> all = source_->Rejections();
  const std::vector<Rejection> resolved = store_.cluster().Rejections();
  all.insert(all.end(), resolved.begin(), resolved.end());
  std::sort(all.begin(), all.end());
  return all;
}

void Controller::TakeRemarks(const TouchedObjects& touched) {
  const auto take = [this](const Object& object) {
    for (const Remark& remark : object.remarks) {
      remarks_[object.key].push_back(
          {object.key.ToString(), {object.where.file, remark.line}, remark.message});
    }
  };
  if (!touched) {
    remarks_.clear();
    for (const auto& [key, object] : source_->objects()) take(object);
    return;
  }
  for (const ObjectKey& key : *touched) {
    remarks_.erase(key);
    const auto object = source_->objects().find(key);
    if (object != source_->objects().end()) take(object->second);
  }
}

std::vector<Rejection> Controller::Remarks() const {
  std::vector<Rejection> all;
  for (const auto& [key, remarks] : remarks_) all.insert(all.end(), remarks.begin(), remarks.end());
  const std::vector<Rejection>& resolved = store_.cluster().remarks;
  all.insert(all.end(), resolved.begin(), resolved.end());
  std::sort(all.begin(), all.end());
  return all;
}

uint64_t Controller::OnChange(std::function<void()> callback) {
  watchers_.emplace(++last_watcher_, std::move(callback));
  return last_watcher_;
}

}  // namespace fairlead::controller
