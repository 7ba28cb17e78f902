// The rules of a kube-proxy that runs here, or has run: they balance the same Services a second time, behind
// our back. Found cheaply, now and then; taken away on demand, by `fairlead-agent clean-kube-proxy`.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace fairlead::agent {

// Where there are such rules, for people: "nftables table ip kube-proxy". Empty: nowhere.
absl::StatusOr<std::vector<std::string>> FindKubeProxyRules();

// Takes away what kube-proxy's modes "nftables" and "iptables" (by iptables-nft) have made, and nothing of
// the kubelet's. Returns how many tables and chains that were. A kube-proxy that still runs makes them anew.
// FAILED_PRECONDITION: there are others, which only kube-proxy --cleanup takes away.
absl::StatusOr<int> RemoveKubeProxyRules();

// Whether a chain of this name is kube-proxy's.
bool IsKubeProxyChain(const std::string& name);

}  // namespace fairlead::agent
