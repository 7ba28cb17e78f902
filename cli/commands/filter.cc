#include "cli/commands/filter.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/ip.h"
#include "base/status_macros.h"

namespace fairlead::cli {

void AddFilterOptions(CLI::App* app, FilterOptions& options, bool verdicts) {
  app->add_option("--pod", options.pod, "NAMESPACE/POD on either side, or NAMESPACE/ for all of a namespace");
  app->add_option("--address", options.address, "an IP address on either side");
  app->add_option("--port", options.port, "a port on either side")->check(CLI::Range(1, 65535));
  app->add_option("--protocol", options.protocol, "tcp, udp, sctp or icmp")
      ->check(CLI::IsMember({"tcp", "udp", "sctp", "icmp", "icmpv6"}));
  if (verdicts) {
    app->add_option("--verdict", options.verdict, "forwarded, dropped or rejected")
        ->check(CLI::IsMember({"forwarded", "dropped", "rejected"}));
  }
}

absl::StatusOr<observer::v1::FlowFilter> FilterOf(const FilterOptions& options) {
  observer::v1::FlowFilter filter;
  if (!options.pod.empty() && !absl::StrContains(options.pod, '/')) {
    return absl::InvalidArgumentError(absl::StrCat("--pod ", options.pod, ": write NAMESPACE/", options.pod,
                                                   ", or ", options.pod, "/ for all of that namespace"));
  }
  filter.set_pod(options.pod);
  if (!options.address.empty()) {
    const absl::StatusOr<IpAddress> address = IpAddress::Parse(options.address);
    if (!address.ok()) return WrapError(address.status(), "--address");
    filter.set_address(address->ToBytes());
  }
  filter.set_port(options.port);
  if (options.protocol == "tcp") filter.set_protocol(6);
  if (options.protocol == "udp") filter.set_protocol(17);
  if (options.protocol == "sctp") filter.set_protocol(132);
  if (options.protocol == "icmp") filter.set_protocol(1);
  if (options.protocol == "icmpv6") filter.set_protocol(58);
  if (options.verdict == "forwarded") filter.set_verdict(observer::v1::FORWARDED);
  if (options.verdict == "dropped") filter.set_verdict(observer::v1::DROPPED);
  if (options.verdict == "rejected") filter.set_verdict(observer::v1::REJECTED);
  return filter;
}

}  // namespace fairlead::cli
