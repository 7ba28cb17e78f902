// When to read which file of a watched folder. Pure: takes what inotify says and the time.
//
// - A file is read when its writer has closed it (or renamed it into place), not while it is being
//   written: what is read is whole. A moment later, so that files written in one go are taken in together.
// - A file that is gone is dropped only after a longer moment: editors rename the old file away
//   before they write the new one.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fairlead::controller {

class FolderChanges {
 public:
  static constexpr int64_t kSettleNs = 300'000;
  static constexpr int64_t kVanishNs = 100'000'000;

  enum class Action { kRead, kDrop };
  struct Due {
    std::string file;
    Action action = Action::kRead;
  };

  void OnComplete(const std::string& file, int64_t now_ns);
  void OnGone(const std::string& file, int64_t now_ns);
  // It is there again, but its writer has not closed it: what it was stays in force until then.
  void OnBeingWritten(const std::string& file) { pending_.erase(file); }

  // What has settled; it is pending no more.
  std::vector<Due> TakeDue(int64_t now_ns);
  // When there will be something; nothing when nothing is pending.
  std::optional<int64_t> NextNs() const;

 private:
  struct Pending {
    Action action = Action::kRead;
    int64_t due_ns = 0;
  };
  std::map<std::string, Pending> pending_;
};

}  // namespace fairlead::controller
