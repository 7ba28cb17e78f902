// Folders of manifests as a source of objects: read once, then watched with inotify. Stands in for
// the API server. Folders are flat; files are *.yaml, *.yml and *.json, hidden ones left out. Big files are
// read on a thread of their own (manifest_reader.h): what they were stays in force until they are read.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"
#include "controller/model/inventory.h"
#include "controller/source/folder_changes.h"
#include "controller/source/manifest_reader.h"
#include "controller/source/object_source.h"

namespace fairlead::controller {

class FolderSource : public ObjectSource {
 public:
  // Reads everything that is there now, then watches on `loop`, which must outlive it, and calls
  // `changed` on its thread after every change. NOT_FOUND: a folder that does not exist.
  static absl::StatusOr<std::unique_ptr<FolderSource>> Open(const std::vector<std::string>& folders,
                                                            const Clock& clock, EventLoop* loop,
                                                            std::function<void()> changed);
  ~FolderSource() override;

  bool synced() const override { return true; }
  const Objects& objects() const override { return objects_; }
  std::vector<Rejection> Rejections() const override { return inventory_.Rejections(); }
  // Microseconds since 1970 when the newest change was taken in; more when the clock was set back.
  uint64_t watermark() const override { return watermark_; }
  // Files that a writer has not closed yet do not count.
  bool Settled() override;
  // Files have no versions: what is there now is what was asked for.
  bool HasReached(const std::string&, uint64_t) override { return Settled(); }
  uint64_t Reached(const std::string&) const override { return watermark_; }
  void CatchUpWith(uint64_t watermark) override;
  std::vector<std::string> Lost() const override;
  std::string Describe() const override;

 private:
  FolderSource(const std::vector<std::string>& folders, const Clock& clock, EventLoop* loop,
               std::function<void()> changed, UniqueFd inotify);

  void WatchFolder(const std::string& folder);
  void RewatchLater();
  void RewatchLost();
  // The files of the folder as it is now; those that are gone since the last time are dropped later.
  std::vector<std::string> Rescan(const std::string& folder);
  void Take(std::vector<ManifestReader::File> files);
  // Reads `paths`, then drops those of `gone` that still are, and tells; goes at least as far as `watermark`.
  void ReadAndTell(std::vector<std::string> paths, std::vector<std::string> gone, uint64_t watermark);
  void OnInotify();
  void OnEvent(const std::string& folder, uint32_t mask, const std::string& name);
  void Schedule();
  void TakeDue();
  void Advance();

  std::vector<std::string> folders_;
  const Clock& clock_;
  EventLoop* loop_;
  EventLoop::TimerId rewatch_timer_ = 0, due_timer_ = 0;
  std::function<void()> changed_;
  UniqueFd inotify_;
  std::map<int, std::string> watches_;  // watch descriptor -> folder
  std::map<std::string, std::string> lost_;
  std::map<std::string, std::set<std::string>> seen_;  // folder -> paths
  Inventory inventory_;
  Objects objects_;  // of the inventory, as of `watermark_`
  FolderChanges changes_;
  uint64_t watermark_ = 0, catching_up_with_ = 0;
  ManifestReader reader_;
};

}  // namespace fairlead::controller
