#include "agent/node/others.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/node/kube_proxy.h"
#include "base/netlink/link.h"
#include "base/netlink/socket.h"
#include "base/status_macros.h"

namespace fairlead::agent {
namespace {

constexpr size_t kMaxNamed = 10;

}  // namespace

std::vector<netlink::Route> ForeignRoutes(const std::vector<netlink::Route>& routes,
                                          const std::vector<IpPrefix>& cidrs) {
  std::vector<netlink::Route> foreign;
  for (const netlink::Route& route : routes) {
    if (route.protocol == netlink::kFairleadProtocol) continue;
    const IpPrefix& to = route.destination;
    const bool is_here = std::any_of(cidrs.begin(), cidrs.end(), [&](const IpPrefix& cidr) {
      return to.length() >= cidr.length() && cidr.Contains(to.address());
    });
    if (is_here) foreign.push_back(route);
  }
  return foreign;
}

void OthersWatch::Look() {
  agent_->Note("KubeProxyGone", LookForKubeProxy());
  agent_->Note("PodsAreOurs", LookForPods());
  timer_ = loop_->After(kInterval, [this] { Look(); });
}

absl::Status OthersWatch::LookForKubeProxy() const {
  ASSIGN_OR_RETURN(const std::vector<std::string> rules, FindKubeProxyRules());
  if (rules.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "kube-proxy runs on this node or has left its rules, which balance Services a second time (",
      absl::StrJoin(rules, ", "),
      "): delete its DaemonSet, then run `fairlead-agent clean-kube-proxy` on the node"));
}

absl::Status OthersWatch::LookForPods() const {
  if (!agent_->state().has_config()) return absl::OkStatus();
  ASSIGN_OR_RETURN(netlink::Socket socket, netlink::Socket::Open());
  ASSIGN_OR_RETURN(const std::vector<netlink::Route> routes, netlink::Routes(socket));
  const std::vector<netlink::Route> foreign =
      ForeignRoutes(routes, agent_->state().desired().settings.pod_cidrs);
  if (foreign.empty()) return absl::OkStatus();
  std::vector<std::string> named;
  for (const netlink::Route& route : foreign) {
    if (named.size() == kMaxNamed) {
      named.push_back(absl::StrCat("and ", foreign.size() - kMaxNamed, " more"));
      break;
    }
    const absl::StatusOr<netlink::Link> link = netlink::FindLink(socket, route.ifindex);
    named.push_back(absl::StrCat(route.destination.ToString(), " at ", link.ok() ? link->name : "a device"));
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "another CNI plugin has wired pods of this node's range, which have no policy of ours: ",
      absl::StrJoin(named, ", "),
      ". Delete the pods that have these addresses, and bridges that are left with `ip link delete DEVICE`"));
}

}  // namespace fairlead::agent
