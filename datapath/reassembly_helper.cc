#include "datapath/reassembly_helper.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/netlink/link.h"
#include "base/netlink/route.h"
#include "base/netns.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "datapath/bpf_error.h"
#include "datapath/sysctl.h"

namespace fairlead::datapath {
namespace {

constexpr netlink::MacAddress kHostMac = {0x02, 0xfa, 0x17, 0x1e, 0xad, 0x02};
constexpr netlink::MacAddress kHelperMac = {0x02, 0xfa, 0x17, 0x1e, 0xad, 0x03};
const char kInnerDevice[] = "eth0";

// A netfilter program that lets everything by; only the link's defragmentation is wanted.
absl::StatusOr<UniqueFd> LoadAccept() {
  const bpf_insn instructions[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = NF_ACCEPT},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
  };
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_NETFILTER);
  UniqueFd fd(bpf_prog_load(BPF_PROG_TYPE_NETFILTER, "fairlead_defrag", "GPL", instructions, 2, &options));
  if (!fd.valid()) return BpfError(errno, "load a netfilter program");
  return fd;
}

absl::StatusOr<UniqueFd> MakeNamespace() {
  UniqueFd fd;
  int error = 0;
  std::thread([&] {
    if (unshare(CLONE_NEWNET) != 0) {
      error = errno;
      return;
    }
    fd.reset(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    error = fd.valid() ? 0 : errno;
  }).join();
  if (error != 0) return ErrnoError(error, "make a network namespace");
  return fd;
}

std::string LinkPath(const std::string& link_dir, bool v4) {
  return absl::StrCat(link_dir, "/", kReassemblyDevice, v4 ? "-ipv4" : "-ipv6");
}

// From inside the helper's namespace.
absl::Status PinDefragmentation(const std::string& link_dir, int program_fd, bool v4) {
  LIBBPF_OPTS(bpf_link_create_opts, options);
  options.netfilter.pf = v4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
  options.netfilter.hooknum = NF_INET_PRE_ROUTING;
  options.netfilter.priority = NF_IP_PRI_CONNTRACK_DEFRAG + 1;
  options.netfilter.flags = BPF_F_NETFILTER_IP_DEFRAG;
  UniqueFd link(bpf_link_create(program_fd, 0, BPF_NETFILTER, &options));
  if (!link.valid()) return BpfError(errno, "have the kernel defragment");
  const std::string path = LinkPath(link_dir, v4);
  unlink(path.c_str());
  if (bpf_obj_pin(link.get(), path.c_str()) != 0) return BpfError(errno, absl::StrCat("pin link ", path));
  return absl::OkStatus();
}

// Everything that comes in goes back out.
absl::Status SendEverythingBack(uint32_t mtu) {
  ASSIGN_OR_RETURN(netlink::Socket inside, netlink::Socket::Open());
  ASSIGN_OR_RETURN(const netlink::Link link, netlink::FindLink(inside, kInnerDevice));
  ASSIGN_OR_RETURN(const netlink::Link loopback, netlink::FindLink(inside, "lo"));
  RETURN_IF_ERROR(netlink::ChangeLink(inside, loopback.ifindex, {.up = true}));
  for (const char* setting : {"net/ipv4/conf/all/rp_filter", "net/ipv4/conf/eth0/rp_filter",
                              "net/ipv4/conf/all/send_redirects", "net/ipv4/conf/eth0/send_redirects"}) {
    RETURN_IF_ERROR(WriteSysctl(setting, "0"));
  }
  RETURN_IF_ERROR(WriteSysctl("net/ipv4/ip_forward", "1"));
  absl::Status v6 = WriteSysctl("net/ipv6/conf/all/forwarding", "1");
  if (!v6.ok() && !absl::IsNotFound(v6)) return v6;
  RETURN_IF_ERROR(netlink::ChangeLink(inside, link.ifindex, {.up = true, .mtu = mtu}));
  for (const bool v4 : {true, false}) {
    if (!v4 && !v6.ok()) continue;
    const IpAddress gateway = *IpAddress::Parse(v4 ? "169.254.1.1" : "fe80::1");
    RETURN_IF_ERROR(
        netlink::ReplaceNeighbour(inside, {.ifindex = link.ifindex, .address = gateway, .mac = kHostMac}));
    RETURN_IF_ERROR(netlink::ReplaceRoute(inside, {.destination = *IpPrefix::Parse(v4 ? "0.0.0.0/0" : "::/0"),
                                                   .gateway = gateway,
                                                   .ifindex = link.ifindex,
                                                   .onlink = true}));
  }
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> MakeHelper(netlink::Socket& socket, const std::string& link_dir, uint32_t mtu) {
  ASSIGN_OR_RETURN(const UniqueFd program, LoadAccept());
  ASSIGN_OR_RETURN(const UniqueFd netns, MakeNamespace());
  RETURN_IF_ERROR(netlink::CreateVeth(socket, {.name = kReassemblyDevice,
                                               .mac = kHostMac,
                                               .peer_name = kInnerDevice,
                                               .peer_mac = kHelperMac,
                                               .peer_netns_fd = netns.get(),
                                               .mtu = mtu}));
  {
    ASSIGN_OR_RETURN(const NetnsScope scope, NetnsScope::Enter(netns.get()));
    RETURN_IF_ERROR(SendEverythingBack(mtu));
    for (const bool v4 : {true, false}) RETURN_IF_ERROR(PinDefragmentation(link_dir, program.get(), v4));
  }
  ASSIGN_OR_RETURN(const netlink::Link link, netlink::FindLink(socket, kReassemblyDevice));
  RETURN_IF_ERROR(netlink::ChangeLink(socket, link.ifindex, {.up = true}));
  return link.ifindex;
}

}  // namespace

bool HasDefragmentingLinks() {
  // The program type is older than the flag, by two versions that no distribution keeps.
  return LoadAccept().ok();
}

absl::StatusOr<uint32_t> EnsureReassemblyHelper(netlink::Socket& socket, Ledger& ledger,
                                                const std::string& link_dir, uint32_t mtu) {
  const absl::StatusOr<netlink::Link> held = netlink::FindLink(socket, kReassemblyDevice);
  const bool pinned = access(LinkPath(link_dir, true).c_str(), F_OK) == 0 &&
                      access(LinkPath(link_dir, false).c_str(), F_OK) == 0;
  if (held.ok() && pinned && held->mtu == mtu) return held->ifindex;
  if (!HasDefragmentingLinks()) {
    return absl::UnimplementedError(
        "this kernel offers no netfilter links (Linux 6.6): fragments that come before "
        "their datagram's head are dropped");
  }
  RETURN_IF_ERROR(ledger.Record(absl::StrCat("device ", kReassemblyDevice), ""));
  if (held.ok()) RETURN_IF_ERROR(netlink::DeleteLink(socket, held->ifindex));
  return MakeHelper(socket, link_dir, mtu);
}

}  // namespace fairlead::datapath
