// The kernel objects that a lab is made of, each with how it is made and taken away: network namespaces
// held by a file, mounts, cgroups. Taking away succeeds when the thing is gone already.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace fairlead::lab {

// A new network namespace with its loopback up, held by a mount on the file `path`.
absl::Status MakeNetns(const std::string& path);
absl::Status RemoveNetns(const std::string& path);

absl::Status MountTmpfs(const std::string& dir, size_t bytes);
// A tmpfs at `dir` whose mounts below are shared with other mount namespaces.
absl::Status MountSharedTmpfs(const std::string& dir);
absl::Status MountBpffs(const std::string& dir);
// Unmounts `dir` and everything below at once.
absl::Status UnmountTree(const std::string& dir);
// Mount points at or below `dir`.
std::vector<std::string> MountsBelow(const std::string& dir);

// Where cgroup v2 is mounted. NOT_FOUND says how to mount it.
absl::StatusOr<std::string> CgroupRoot();
absl::Status MakeCgroup(const std::string& dir);
// Kills every process in `dir` and below; returns when they have ended.
absl::Status KillCgroup(const std::string& dir, int timeout_ms);
// Removes `dir` and everything below, which must hold no processes.
absl::Status RemoveCgroup(const std::string& dir);
// Processes in `dir` and below.
std::vector<int> CgroupProcesses(const std::string& dir);

}  // namespace fairlead::lab
