// Kernel settings under /proc/sys, of the calling thread's network namespace.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datapath/ledger.h"

namespace fairlead::datapath {

// `name`: "net/ipv4/ip_forward". NOT_FOUND when this kernel has none (IPv6 switched off, for one).
absl::StatusOr<std::string> ReadSysctl(const std::string& name);
absl::Status WriteSysctl(const std::string& name, const std::string& value);

// Makes the setting `value`; how it was is in the ledger before it is changed. A setting that this
// kernel does not have is no error.
absl::Status EnsureSysctl(Ledger& ledger, const std::string& name, const std::string& value);

}  // namespace fairlead::datapath
