// What we changed on the node besides our own maps and links, and how it was before: devices made,
// sysctls set. RemoveAll replays it backwards.
//
// It lies in a pinned map, because a map lives exactly as long as what it describes: until the node
// restarts.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace fairlead::datapath {

class Ledger {
 public:
  // Opens or makes the map pinned at `path`.
  static absl::StatusOr<Ledger> Open(const std::string& path);

  // `what`: "sysctl net/ipv4/ip_forward", "device flvxlan". The first record of a thing stays: later
  // ones would say what we made of it. Both texts are cut off beyond what an entry holds.
  absl::Status Record(const std::string& what, const std::string& before);
  absl::Status Forget(const std::string& what);
  bool Has(const std::string& what) const;
  absl::Status ForEach(const std::function<void(const std::string&, const std::string&)>& visit) const;

 private:
  explicit Ledger(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace fairlead::datapath
