// Network namespaces: opening one by path, and running a piece of code inside it.
//
//   ASSIGN_OR_RETURN(UniqueFd netns, OpenNetns("/run/netns/pod-1"));
//   ASSIGN_OR_RETURN(NetnsScope scope, NetnsScope::Enter(netns.get()));  // back at scope end
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace fairlead {

// Opens `path` and makes sure that it is a network namespace (a plain file left behind by a
// namespace that is gone is NOT_FOUND, as is a path that does not exist).
absl::StatusOr<UniqueFd> OpenNetns(const std::string& path);

// The calling thread is inside another network namespace for the life of this object.
class NetnsScope {
 public:
  static absl::StatusOr<NetnsScope> Enter(int netns_fd);

  NetnsScope(NetnsScope&&) = default;
  // Dies if the way back is barred: code that follows would act on the wrong host.
  ~NetnsScope();

 private:
  explicit NetnsScope(UniqueFd previous) : previous_(std::move(previous)) {}

  UniqueFd previous_;
};

}  // namespace fairlead
