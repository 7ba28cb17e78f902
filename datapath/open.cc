#include "absl/status/status.h"
#include "datapath/datapath.h"

namespace fairlead::datapath {

absl::StatusOr<std::unique_ptr<Datapath>> Datapath::Open(const Options& options) {
  return absl::UnavailableError("load the datapath under " + options.pin_dir + ": no programs are built in");
}

absl::Status RemoveAll(const Options&) {
  return absl::OkStatus();
}

}  // namespace fairlead::datapath
