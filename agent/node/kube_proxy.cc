#include "agent/node/kube_proxy.h"

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/netlink/link.h"
#include "base/netlink/nftables.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"

namespace fairlead::agent {
namespace {

constexpr char kTable[] = "kube-proxy";       // of the mode "nftables"
constexpr char kChain[] = "KUBE-SERVICES";    // of the mode "iptables", in the table nat
constexpr char kIpvsDevice[] = "kube-ipvs0";  // of the mode "ipvs"

constexpr struct {
  uint8_t family;
  const char* name;
} kFamilies[] = {{NFPROTO_IPV4, "ip"}, {NFPROTO_IPV6, "ip6"}};

// The blob of iptables-legacy's table nat. Only where the table exists already: asking would make it.
std::string LegacyRules(bool ipv6) {
  const absl::StatusOr<std::string> tables =
      ReadFile(ipv6 ? "/proc/net/ip6_tables_names" : "/proc/net/ip_tables_names");
  if (!tables.ok()) return "";
  const std::vector<std::string> names = absl::StrSplit(*tables, '\n');
  if (std::find(names.begin(), names.end(), "nat") == names.end()) return "";
  // Both families have the same numbers and layouts for this.
  static_assert(IPT_SO_GET_INFO == IP6T_SO_GET_INFO && IPT_SO_GET_ENTRIES == IP6T_SO_GET_ENTRIES);
  static_assert(sizeof(ipt_getinfo) == sizeof(ip6t_getinfo));
  const UniqueFd fd(::socket(ipv6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  const int level = ipv6 ? IPPROTO_IPV6 : IPPROTO_IP;  // SOL_IPV6, SOL_IP
  ipt_getinfo info{};
  strcpy(info.name, "nat");
  socklen_t size = sizeof(info);
  if (!fd.valid() || ::getsockopt(fd.get(), level, IPT_SO_GET_INFO, &info, &size) != 0) return "";
  ipt_get_entries head{};
  strcpy(head.name, "nat");
  head.size = info.size;
  std::string blob(sizeof(head) + info.size, '\0');
  memcpy(blob.data(), &head, sizeof(head));
  size = static_cast<socklen_t>(blob.size());
  return ::getsockopt(fd.get(), level, IPT_SO_GET_ENTRIES, blob.data(), &size) == 0 ? blob : "";
}

// Rules that we have no way to take away.
std::vector<std::string> FindOthers() {
  std::vector<std::string> found;
  for (bool ipv6 : {false, true}) {
    if (absl::StrContains(LegacyRules(ipv6), kChain)) {
      found.push_back(absl::StrCat(ipv6 ? "ip6tables" : "iptables", "-legacy chain ", kChain));
    }
  }
  auto socket = netlink::Socket::Open();
  if (socket.ok() && netlink::FindLink(*socket, kIpvsDevice).ok()) {
    found.push_back(absl::StrCat("IPVS device ", kIpvsDevice));
  }
  return found;
}

// A batch holds only so much; what comes first must have been done when the next begins.
absl::Status CommitWhenFull(netlink::NftBatch& batch, netlink::Socket& socket) {
  return batch.size() < netlink::NftBatch::kMaxChanges ? absl::OkStatus() : batch.Commit(socket);
}

absl::StatusOr<int> RemoveTables(netlink::Socket& socket) {
  int removed = 0;
  netlink::NftBatch batch;
  for (const auto& [family, name] : kFamilies) {
    ASSIGN_OR_RETURN(const bool is_there, netlink::HasNftTable(socket, family, kTable));
    if (!is_there) continue;
    batch.DeleteTable(family, kTable);
    ++removed;
  }
  RETURN_IF_ERROR(batch.Commit(socket));
  return removed;
}

// First the jumps from others' chains, so that nothing half taken away is ever asked; then the rules of all
// chains, so that no chain mentions another; then the chains.
absl::StatusOr<int> RemoveChains(netlink::Socket& socket) {
  ASSIGN_OR_RETURN(std::vector<netlink::NftChain> chains, netlink::NftChains(socket));
  std::erase_if(chains, [](const netlink::NftChain& chain) { return !IsKubeProxyChain(chain.name); });
  if (chains.empty()) return 0;
  ASSIGN_OR_RETURN(const std::vector<netlink::NftJump> jumps, netlink::NftJumps(socket));
  netlink::NftBatch batch;
  for (const netlink::NftJump& jump : jumps) {
    if (!IsKubeProxyChain(jump.to) || IsKubeProxyChain(jump.from.name)) continue;
    batch.DeleteRule(jump);
    RETURN_IF_ERROR(CommitWhenFull(batch, socket));
  }
  for (const netlink::NftChain& chain : chains) {
    batch.FlushChain(chain);
    RETURN_IF_ERROR(CommitWhenFull(batch, socket));
  }
  for (const netlink::NftChain& chain : chains) {
    batch.DeleteChain(chain);
    RETURN_IF_ERROR(CommitWhenFull(batch, socket));
  }
  RETURN_IF_ERROR(batch.Commit(socket));
  return static_cast<int>(chains.size());
}

}  // namespace

bool IsKubeProxyChain(const std::string& name) {
  // The kubelet's are KUBE-FIREWALL, KUBE-KUBELET-CANARY and KUBE-IPTABLES-HINT.
  static constexpr std::array<absl::string_view, 8> kNames = {
      "KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES", "KUBE-NODEPORTS",    "KUBE-POSTROUTING",
      "KUBE-FORWARD",  "KUBE-PROXY-FIREWALL",    "KUBE-PROXY-CANARY", "KUBE-MARK-MASQ"};
  static constexpr std::array<absl::string_view, 6> kPrefixes = {"KUBE-SVC-", "KUBE-SVL-", "KUBE-SEP-",
                                                                 "KUBE-EXT-", "KUBE-FW-",  "KUBE-XLB-"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end() ||
         std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [&](absl::string_view prefix) { return absl::StartsWith(name, prefix); });
}

absl::StatusOr<std::vector<std::string>> FindKubeProxyRules() {
  std::vector<std::string> found;
  ASSIGN_OR_RETURN(netlink::Socket socket, netlink::OpenNftables());
  for (const auto& [family, name] : kFamilies) {
    ASSIGN_OR_RETURN(const bool table, netlink::HasNftTable(socket, family, kTable));
    if (table) found.push_back(absl::StrCat("nftables table ", name, " ", kTable));
    ASSIGN_OR_RETURN(const bool chain, netlink::HasNftChain(socket, {family, "nat", kChain}));
    if (chain) found.push_back(absl::StrCat("iptables chain ", kChain, " (", name, ")"));
  }
  for (std::string& other : FindOthers()) found.push_back(std::move(other));
  return found;
}

absl::StatusOr<int> RemoveKubeProxyRules() {
  ASSIGN_OR_RETURN(netlink::Socket socket, netlink::OpenNftables());
  ASSIGN_OR_RETURN(const int tables, RemoveTables(socket));
  ASSIGN_OR_RETURN(const int chains, RemoveChains(socket));
  if (const std::vector<std::string> others = FindOthers(); !others.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("remove the rules of kube-proxy: there is ", absl::StrJoin(others, ", "),
                     "; run kube-proxy --cleanup on this node, of the version that has made it"));
  }
  return tables + chains;
}

}  // namespace fairlead::agent
