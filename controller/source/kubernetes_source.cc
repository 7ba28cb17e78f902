#include "controller/source/kubernetes_source.h"

#include <algorithm>
#include <iterator>
#include <mutex>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "spdlog/spdlog.h"

namespace fairlead::controller {

// News on their way from the watcher's thread to the loop's: all that has gathered is taken in at
// once. Outlives the source where the loop still holds a callback.
struct KubernetesSource::Inbox {
  std::mutex mutex;
  std::vector<ApiWatcher::News> news;
  KubernetesSource* source = nullptr;  // of the loop's thread
};

absl::StatusOr<std::unique_ptr<KubernetesSource>> KubernetesSource::Open(kube::ApiAccess access,
                                                                         uint32_t seed, EventLoop* loop,
                                                                         std::function<void()> changed) {
  auto source = absl::WrapUnique(new KubernetesSource(std::move(changed)));
  auto deliver = [inbox = source->inbox_, loop](ApiWatcher::News news) {
    {
      std::lock_guard<std::mutex> lock(inbox->mutex);
      inbox->news.push_back(std::move(news));
      if (inbox->news.size() > 1) return;  // the callback that is posted takes it along
    }
    loop->Post([inbox] {
      std::vector<ApiWatcher::News> all;
      {
        std::lock_guard<std::mutex> lock(inbox->mutex);
        all.swap(inbox->news);
      }
      if (inbox->source == nullptr) return;
      for (ApiWatcher::News& news : all) inbox->source->Take(std::move(news));
      inbox->source->Publish();
    });
  };
  ASSIGN_OR_RETURN(source->watcher_, ApiWatcher::Start(std::move(access), seed, std::move(deliver)));
  return source;
}

KubernetesSource::KubernetesSource(std::function<void()> changed)
    : changed_(std::move(changed)), inbox_(std::make_shared<Inbox>()) {
  inbox_->source = this;
}

KubernetesSource::~KubernetesSource() {
  watcher_.reset();
  inbox_->source = nullptr;
}

void KubernetesSource::Take(ApiWatcher::News news) {
  for (ApiUpdate& update : news.updates) {
    watermark_ = std::max(watermark_, update.resource_version);
    uint64_t& reached = reached_[news.kind->kind];
    reached = update.complete ? update.resource_version : std::max(reached, update.resource_version);
    if (update.complete) {
      TakeAll(*news.kind, std::move(update.puts));
      OnListed(*news.kind, update.round);
      continue;
    }
    for (ManifestEntry& entry : update.puts) Put(std::move(entry));
    for (const ObjectKey& key : update.removals) Remove(key);
  }
  SetProblem(*news.kind, news.problem);
}

void KubernetesSource::TakeAll(const ApiKind& kind, std::vector<ManifestEntry> entries) {
  std::set<ObjectKey> there;
  for (ManifestEntry& entry : entries) {
    if (!entry.key) continue;
    there.insert(*entry.key);
    Put(std::move(entry));
  }
  std::vector<ObjectKey> gone;
  for (auto at = objects_.lower_bound({kind.kind, "", ""});
       at != objects_.end() && at->first.kind == kind.kind; ++at) {
    if (there.count(at->first) == 0) gone.push_back(at->first);
  }
  for (auto at = rejections_.lower_bound({kind.kind, "", ""});
       at != rejections_.end() && at->first.kind == kind.kind; ++at) {
    if (there.count(at->first) == 0) gone.push_back(at->first);
  }
  for (const ObjectKey& key : gone) Remove(key);
}

void KubernetesSource::Put(ManifestEntry entry) {
  if (!entry.key) return;
  auto old = objects_.find(*entry.key);
  if (!entry.object) {
    for (Rejection& rejection : entry.rejections) {
      if (old != objects_.end())
        absl::StrAppend(&rejection.message, "; the last good version stays in force");
    }
    std::vector<Rejection>& place = rejections_[*entry.key];
    dirty_ = dirty_ || place != entry.rejections;
    place = std::move(entry.rejections);
    return;
  }
  dirty_ = rejections_.erase(*entry.key) > 0 || dirty_;
  // Most changes of a pod or node (heartbeats, conditions) are of no interest here.
  if (old != objects_.end() && old->second.body == entry.object->body &&
      old->second.remarks == entry.object->remarks) {
    old->second.version = std::move(entry.object->version);
    return;
  }
  objects_.insert_or_assign(*entry.key, *std::move(entry.object));
  Touch(*entry.key);
}

void KubernetesSource::Touch(const ObjectKey& key) {
  dirty_ = true;
  if (touched_) touched_->insert(key);
}

void KubernetesSource::Remove(const ObjectKey& key) {
  if (objects_.erase(key) > 0) Touch(key);
  dirty_ = rejections_.erase(key) > 0 || dirty_;
}

void KubernetesSource::OnListed(const ApiKind& kind, uint64_t round) {
  const bool was_synced = synced();
  listed_.insert(kind.kind);
  if (synced() && !was_synced) {
    dirty_ = true;
    spdlog::info("all objects are read: {}", Describe());
  }
  if (round >= round_) to_list_.erase(kind.kind);
  if (!to_list_.empty() || wanted_ == 0) return;
  // All was read after `wanted_` had been seen: where the numbers still are lower, they count anew
  // (another cluster's, or one restored from a backup).
  if (watermark_ < wanted_) {
    watermark_ = wanted_ + 1;
    dirty_ = true;
  }
  wanted_ = 0;
}

void KubernetesSource::SetProblem(const ApiKind& kind, const std::string& problem) {
  std::string& place = problems_[kind.resource];
  if (place == problem) return;
  if (!problem.empty()) spdlog::warn("{}", problem);
  if (problem.empty()) spdlog::info("{} are watched again", kind.resource);
  place = problem;
}

bool KubernetesSource::HasReached(const std::string& kind, uint64_t resource_version) {
  return Settled() && reached_.count(kind) > 0 && Reached(kind) >= resource_version;
}

uint64_t KubernetesSource::Reached(const std::string& kind) const {
  const auto reached = reached_.find(kind);
  return reached == reached_.end() ? 0 : reached->second;
}

void KubernetesSource::Publish() {
  if (!synced() || !std::exchange(dirty_, false)) return;
  changed_();
}

void KubernetesSource::CatchUpWith(uint64_t watermark) {
  if (watermark <= watermark_) return;
  wanted_ = std::max(wanted_, watermark);
  if (!to_list_.empty()) return;
  for (const ApiKind& kind : kApiKinds) to_list_.insert(kind.kind);
  watcher_->ListAnew(++round_);
}

std::vector<Rejection> KubernetesSource::Rejections() const {
  std::vector<Rejection> all;
  for (const auto& [key, rejections] : rejections_)
    all.insert(all.end(), rejections.begin(), rejections.end());
  std::sort(all.begin(), all.end());
  return all;
}

std::vector<std::string> KubernetesSource::Lost() const {
  std::vector<std::string> lost;
  for (const auto& [resource, problem] : problems_) {
    if (!problem.empty()) lost.push_back(problem);
  }
  return lost;
}

std::string KubernetesSource::Describe() const {
  return absl::StrCat(objects_.size(), " objects of the API server");
}

}  // namespace fairlead::controller
