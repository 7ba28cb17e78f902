// The API server as a source of objects: listed, then watched. Nothing of it is in force before
// every kind's list is complete; what was in force stays when the API server is away.
//
// A refused object keeps its last good version. Where two events of an object follow each other at
// once, the later is in force.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "controller/kubernetes/api_watcher.h"
#include "controller/source/object_source.h"
#include "kube/access.h"

namespace fairlead::controller {

class KubernetesSource : public ObjectSource {
 public:
  // Begins to list; calls `changed` on the loop's thread once all is there, and after each change.
  // `loop` must outlive it. `seed`: of jitter.
  static absl::StatusOr<std::unique_ptr<KubernetesSource>> Open(kube::ApiAccess access, uint32_t seed,
                                                                EventLoop* loop,
                                                                std::function<void()> changed);
  ~KubernetesSource() override;

  bool synced() const override { return listed_.size() == kApiKinds.size(); }
  const Objects& objects() const override { return objects_; }
  TouchedObjects TakeTouched() override { return std::exchange(touched_, std::set<ObjectKey>{}); }
  std::vector<Rejection> Rejections() const override;
  // The newest resourceVersion that was seen.
  uint64_t watermark() const override { return watermark_; }
  bool Settled() override { return synced() && to_list_.empty(); }
  // The events of a kind come in their order, those of different kinds do not.
  bool HasReached(const std::string& kind, uint64_t resource_version) override;
  uint64_t Reached(const std::string& kind) const override;
  void CatchUpWith(uint64_t watermark) override;
  std::vector<std::string> Lost() const override;
  std::string Describe() const override;

 private:
  struct Inbox;
  explicit KubernetesSource(std::function<void()> changed);

  void Take(ApiWatcher::News news);
  void TakeAll(const ApiKind& kind, std::vector<ManifestEntry> entries);
  void Put(ManifestEntry entry);
  void Remove(const ObjectKey& key);
  void Touch(const ObjectKey& key);
  void OnListed(const ApiKind& kind, uint64_t round);
  void SetProblem(const ApiKind& kind, const std::string& problem);
  void Publish();

  std::function<void()> changed_;
  Objects objects_;
  TouchedObjects touched_;  // any, until the first call
  std::map<ObjectKey, std::vector<Rejection>> rejections_;
  std::map<std::string, std::string> problems_;  // by resource
  std::set<std::string> listed_;                 // kinds whose list was complete once
  std::set<std::string> to_list_;                // kinds that CatchUpWith waits for
  uint64_t wanted_ = 0;                          // by CatchUpWith
  uint64_t round_ = 0;                           // of CatchUpWith
  uint64_t watermark_ = 0;
  std::map<std::string, uint64_t> reached_;  // the newest resourceVersion, by kind
  bool dirty_ = false;
  std::shared_ptr<Inbox> inbox_;
  std::unique_ptr<ApiWatcher> watcher_;
};

}  // namespace fairlead::controller
