#include "absl/status/status.h"
#include "datapath/datapath.h"
#include "datapath/kernel_datapath.h"

namespace fairlead::datapath {

absl::StatusOr<std::unique_ptr<Datapath>> Datapath::Open(const Options& options) {
  return KernelDatapath::Open(options);
}

}  // namespace fairlead::datapath
