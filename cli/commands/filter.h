// The filter options that flows and conntrack share.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "api/observer.pb.h"
#include "cli/commands/command.h"

namespace fairlead::cli {

struct FilterOptions {
  std::string pod;
  std::string address;
  uint32_t port = 0;
  std::string protocol;
  std::string verdict;
};

// `verdicts`: also offer --verdict.
void AddFilterOptions(CLI::App* app, FilterOptions& options, bool verdicts);
absl::StatusOr<observer::v1::FlowFilter> FilterOf(const FilterOptions& options);

}  // namespace fairlead::cli
