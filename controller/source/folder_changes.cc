#include "controller/source/folder_changes.h"

#include <algorithm>

namespace fairlead::controller {

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
