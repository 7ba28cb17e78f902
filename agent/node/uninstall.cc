#include "agent/node/uninstall.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/folder_lock.h"
#include "agent/pods/links.h"
#include "base/netlink/route.h"
#include "base/netlink/socket.h"
#include "base/status_macros.h"
#include "spdlog/spdlog.h"

namespace fairlead::agent {
namespace {

// What an agent writes into its two folders. Nothing else is touched: a folder may be one of somebody's own.
constexpr const char* kOwnFiles[] = {"agent.lock",  "agent.sock", "cni-queue", "cni.sock",
                                     "controllers", "identity",   "last-good", "pods"};

bool IsOurs(const std::string& name) {
  for (const char* own : kOwnFiles) {
    // "last-good.damaged-1", "controllers.tmp"
    if (name == own || absl::StartsWith(name, absl::StrCat(own, "."))) return true;
  }
  return false;
}

std::vector<std::string> OursIn(const std::string& folder, std::error_code& error) {
  std::vector<std::string> ours;
  std::filesystem::directory_iterator entry(folder, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    if (IsOurs(entry->path().filename())) ours.push_back(entry->path());
  }
  return ours;
}

absl::Status EmptyFolder(const std::string& folder) {
  std::error_code error;
  for (const std::string& path : OursIn(folder, error)) {
    if (!error) std::filesystem::remove_all(path, error);
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return ErrnoError(error.value(), absl::StrCat("empty ", folder));
  }
  // Somebody else's things in it, or a mount point: it is not ours to remove.
  if (::rmdir(folder.c_str()) == 0 || errno == ENOENT || errno == EBUSY || errno == ENOTEMPTY) {
    return absl::OkStatus();
  }
  return ErrnoError(errno, absl::StrCat("remove ", folder));
}

absl::Status RemovePodLinks() {
  ASSIGN_OR_RETURN(NetlinkLinks links, NetlinkLinks::Open());
  ASSIGN_OR_RETURN(const auto names, links.List());
  for (const auto& [name, ifindex] : names) RETURN_IF_ERROR(links.Delete(name));
  return absl::OkStatus();
}

// Nothing to lock, nobody there.
absl::StatusOr<std::optional<UniqueFd>> LockIfThere(const std::string& folder,
                                                    std::chrono::seconds patience) {
  if (::access(folder.c_str(), F_OK) != 0) return std::nullopt;
  ASSIGN_OR_RETURN(UniqueFd lock, LockFolder(folder, patience));
  return lock;
}

class Steps {
 public:
  void Do(const char* what, const absl::Status& status) {
    if (status.ok()) {
      spdlog::info("{}: done", what);
    } else {
      spdlog::error("{}: {}", what, std::string(status.message()));
      if (first_.ok()) first_ = status;
    }
  }
  const absl::Status& first() const { return first_; }

 private:
  absl::Status first_;
};

}  // namespace

absl::Status Uninstall(const UninstallOptions& options) {
  ASSIGN_OR_RETURN(const auto run_lock, LockIfThere(options.run_dir, options.patience));
  ASSIGN_OR_RETURN(const auto state_lock, LockIfThere(options.state_dir, options.patience));
  Steps steps;
  steps.Do("remove the CNI configuration", RemoveConflist(options.cni));
  steps.Do("remove programs, maps, routes and settings", datapath::RemoveAll(options.datapath));
  steps.Do("remove pods' links", RemovePodLinks());
  steps.Do("remove records", EmptyFolder(options.run_dir));
  steps.Do("remove the last good state", EmptyFolder(options.state_dir));
  steps.Do("remove the CNI plugin", RemoveProgram(options.cni));
  return steps.first();
}

absl::Status CheckUninstalled(const UninstallOptions& options) {
  std::vector<std::string> left = InstalledFiles(options.cni);
  if (::access(options.datapath.pin_dir.c_str(), F_OK) == 0) left.push_back(options.datapath.pin_dir);
  ASSIGN_OR_RETURN(NetlinkLinks links, NetlinkLinks::Open());
  ASSIGN_OR_RETURN(const auto names, links.List());
  for (const auto& [name, ifindex] : names) left.push_back(absl::StrCat("device ", name));
  ASSIGN_OR_RETURN(netlink::Socket socket, netlink::Socket::Open());
  ASSIGN_OR_RETURN(const std::vector<netlink::Route> routes, netlink::Routes(socket));
  for (const netlink::Route& route : routes) {
    if (route.protocol == netlink::kFairleadProtocol)
      left.push_back(absl::StrCat("route ", netlink::ToString(route)));
  }
  for (const std::string& folder : {options.run_dir, options.state_dir}) {
    std::error_code ignored;
    for (std::string& path : OursIn(folder, ignored)) left.push_back(std::move(path));
  }
  if (left.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("left on this node: ", absl::StrJoin(left, ", "), "; run fairlead-agent uninstall"));
}

}  // namespace fairlead::agent
