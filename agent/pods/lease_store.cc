#include "agent/pods/lease_store.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/files.h"
#include "base/read_file.h"
#include "base/status_macros.h"

namespace fairlead::agent {
namespace {

constexpr size_t kMaxRecordBytes = 256UL * 1024;

}  // namespace

absl::StatusOr<FolderLeaseStore> FolderLeaseStore::Open(const std::string& folder) {
  RETURN_IF_ERROR(MakeFolder(folder));
  return FolderLeaseStore(folder);
}

std::string FolderLeaseStore::PathOf(uint32_t generation) const {
  return absl::StrCat(folder_, "/", generation, ".json");
}

absl::StatusOr<LeaseStore::Loaded> FolderLeaseStore::Load() {
  Loaded loaded;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const std::string path = entry.path().string();
    if (absl::EndsWith(path, ".tmp")) unlink(path.c_str());  // of a write that a kill has cut off
    if (!absl::EndsWith(path, ".json")) continue;
    absl::StatusOr<std::string> text = ReadFile(path, kMaxRecordBytes);
    absl::StatusOr<Lease> lease = text.ok() ? DecodeLease(*text) : text.status();
    if (lease.ok() && PathOf(lease->generation) != path) {
      lease = absl::DataLossError("lease record: generation is not that of the file's name");
    }
    if (lease.ok()) {
      loaded.leases.push_back(*std::move(lease));
      continue;
    }
    absl::StatusOr<std::string> aside = SetAside(path);
    uint32_t generation = 0;
    (void)absl::SimpleAtoi(entry.path().stem().string(), &generation);
    loaded.damaged.push_back(
        {generation, absl::StrCat(aside.ok() ? *aside : path, ": ", lease.status().message())});
  }
  if (error) return ErrnoError(error.value(), absl::StrCat("list ", folder_));
  return loaded;
}

absl::Status FolderLeaseStore::Put(const Lease& lease) {
  return ReplaceOwnFile(PathOf(lease.generation), EncodeLease(lease), Durability::kProcess);
}

absl::Status FolderLeaseStore::Remove(uint32_t generation) {
  const std::string path = PathOf(generation);
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return ErrnoError(errno, absl::StrCat("remove ", path));
  return absl::OkStatus();
}

}  // namespace fairlead::agent
