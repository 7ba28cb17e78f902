#include "controller/source/folder_changes.h"

#include <algorithm>

namespace fairlead::controller {

void FolderChanges::OnComplete(const std::string& file, int64_t now_ns) {
  auto [pending, added] = pending_.emplace(file, Pending{Action::kRead, now_ns + kSettleNs});
  // A file that is written again and again is read all the same.
  if (!added && pending->second.action == Action::kDrop)
    pending->second = {Action::kRead, now_ns + kSettleNs};
}

void FolderChanges::OnGone(const std::string& file, int64_t now_ns) {
  pending_[file] = {Action::kDrop, now_ns + kVanishNs};
}

std::vector<FolderChanges::Due> FolderChanges::TakeDue(int64_t now_ns) {
  std::vector<Due> due;
  for (auto pending = pending_.begin(); pending != pending_.end();) {
    if (pending->second.due_ns > now_ns) {
      ++pending;
      continue;
    }
    due.push_back({pending->first, pending->second.action});
    pending = pending_.erase(pending);
  }
  return due;
}

std::optional<int64_t> FolderChanges::NextNs() const {
  std::optional<int64_t> next;
  for (const auto& [file, pending] : pending_) next = std::min(next.value_or(pending.due_ns), pending.due_ns);
  return next;
}

}  // namespace fairlead::controller
