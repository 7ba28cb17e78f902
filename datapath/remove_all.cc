#include <dirent.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/netlink/link.h"
#include "base/netlink/route.h"
#include "base/status_macros.h"
#include "datapath/datapath.h"
#include "datapath/hook_strategy.h"
#include "datapath/instance_lock.h"
#include "datapath/ledger.h"
#include "datapath/sysctl.h"

namespace fairlead::datapath {
namespace {

// Keeps the first error and goes on: whatever can be undone is undone.
class FirstError {
 public:
  void Add(const absl::Status& status) {
    if (status_.ok() && !status.ok() && !absl::IsNotFound(status)) status_ = status;
  }
  const absl::Status& status() const { return status_; }

 private:
  absl::Status status_;
};

void RemoveFiles(const std::string& folder, FirstError& errors) {
  DIR* dir = opendir(folder.c_str());
  if (dir == nullptr) {
    errors.Add(ErrnoError(errno, absl::StrCat("list ", folder)));
    return;
  }
  std::vector<std::string> paths;
  while (const dirent* entry = readdir(dir)) {
    if (entry->d_type != DT_DIR) paths.push_back(absl::StrCat(folder, "/", entry->d_name));
  }
  closedir(dir);
  for (const std::string& path : paths) {
    if (unlink(path.c_str()) != 0) errors.Add(ErrnoError(errno, absl::StrCat("remove ", path)));
  }
}

void RemoveFilters(FirstError& errors) {
  const std::vector<std::string> entries = {
      "pod_egress_entry",      "pod_ingress_entry",    "node_ingress_entry", "node_egress_entry",
      "overlay_ingress_entry", "overlay_egress_entry", "reassembled_entry"};
  const std::unique_ptr<HookStrategy> clsact = ClsactStrategy();
  const auto leftovers = clsact->Leftovers(entries);
  errors.Add(leftovers.status());
  if (!leftovers.ok()) return;
  for (const DeviceHook& hook : *leftovers) errors.Add(clsact->Detach(hook));
}

void RemoveRoutes(netlink::Socket& socket, FirstError& errors) {
  const auto routes = netlink::Routes(socket);
  errors.Add(routes.status());
  if (!routes.ok()) return;
  for (const netlink::Route& route : *routes) {
    if (route.protocol == netlink::kFairleadProtocol) errors.Add(netlink::DeleteRoute(socket, route));
  }
}

void UndoLedger(const std::string& path, netlink::Socket& socket, FirstError& errors) {
  if (access(path.c_str(), F_OK) != 0) return;
  const auto ledger = Ledger::Open(path);
  errors.Add(ledger.status());
  if (!ledger.ok()) return;
  errors.Add(ledger->ForEach([&](const std::string& what, const std::string& before) {
    absl::string_view name = what;
    if (absl::ConsumePrefix(&name, "sysctl ")) {
      errors.Add(WriteSysctl(std::string(name), before));
    } else if (absl::ConsumePrefix(&name, "device ")) {
      const auto link = netlink::FindLink(socket, std::string(name));
      errors.Add(link.ok() ? netlink::DeleteLink(socket, link->ifindex) : link.status());
    }
  }));
}

}  // namespace

absl::Status RemoveAll(const Options& options) {
  if (access(options.pin_dir.c_str(), F_OK) != 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(UniqueFd lock, LockPinDir(options.pin_dir));
  ASSIGN_OR_RETURN(netlink::Socket socket, netlink::Socket::Open());
  FirstError errors;
  RemoveFiles(options.pin_dir + "/links", errors);
  RemoveFilters(errors);
  RemoveRoutes(socket, errors);
  UndoLedger(options.pin_dir + "/ledger_v1", socket, errors);
  // The ledger last: until here everything could be tried again.
  if (!errors.status().ok()) return errors.status();
  RemoveFiles(options.pin_dir, errors);
  for (const std::string& folder : {options.pin_dir + "/links", options.pin_dir}) {
    if (rmdir(folder.c_str()) != 0 && errno != EBUSY)
      errors.Add(ErrnoError(errno, absl::StrCat("remove ", folder)));
  }
  return errors.status();
}

}  // namespace fairlead::datapath
