// The controller without its server: source, store and hub wired together. Lives on the loop's
// thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/event_loop.h"
#include "controller/source/object_source.h"
#include "controller/sync/hub.h"
#include "kube/access.h"

namespace fairlead::controller {

class Controller {
 public:
  static absl::StatusOr<std::unique_ptr<Controller>> Open(const std::vector<std::string>& folders,
                                                          const ClusterSettings& settings, const Clock& clock,
                                                          EventLoop* loop);
  // Returns before the API server has been read: see `synced`.
  static absl::StatusOr<std::unique_ptr<Controller>> OpenKubernetes(kube::ApiAccess access,
                                                                    const ClusterSettings& settings,
                                                                    EventLoop* loop);

  // `open` makes the source, which calls what it is given after each change.
  using OpenSource =
      std::function<absl::StatusOr<std::unique_ptr<ObjectSource>>(std::function<void()> changed)>;
  static absl::StatusOr<std::unique_ptr<Controller>> OpenWith(const ClusterSettings& settings,
                                                              const OpenSource& open);

  // False: there is nothing to tell agents yet. Turns true before a call of OnChange.
  bool synced() const { return source_->synced(); }
  const ObjectSource& source() const { return *source_; }
  // All that the source holds at this moment is in the store, and under way to the agents.
  bool Settled() { return source_->Settled(); }
  // Likewise what it held of this kind at `resource_version`; see ObjectSource.
  bool HasReached(const std::string& kind, uint64_t resource_version) {
    return source_->HasReached(kind, resource_version);
  }
  const Store& store() const { return store_; }
  Hub& hub() { return hub_; }
  const Hub& hub() const { return hub_; }

  // Everything that is refused at the moment, with the reason, in the order of files and lines.
  std::vector<Rejection> Rejections() const;

  // What objects in force ask for and do not get, in the same order.
  std::vector<Rejection> Remarks() const;

  // `callback` runs after every change of the source, until its id is given back.
  uint64_t OnChange(std::function<void()> callback);
  void StopOnChange(uint64_t id) { watchers_.erase(id); }

 private:
  explicit Controller(const ClusterSettings& settings) : store_(settings), hub_(&store_) {}
  void Begin();
  void TakeIn();
  void TakeRemarks(const TouchedObjects& touched);

  Store store_;
  Hub hub_;
  std::unique_ptr<ObjectSource> source_;
  std::map<ObjectKey, std::vector<Rejection>> remarks_;  // of the objects
  std::vector<Rejection> logged_, logged_remarks_;       // said already
  std::map<uint64_t, std::function<void()>> watchers_;
  uint64_t last_watcher_ = 0;
};

}  // namespace fairlead::controller
