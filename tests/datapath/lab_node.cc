#include "tests/datapath/lab_node.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "base/netlink/address.h"
#include "base/netlink/link.h"
#include "base/netlink/route.h"
#include "base/netns.h"
#include "tests/base/private_netns.h"

namespace fairlead::datapath {
namespace {

// Flag of the IPv4 header's fragment field (RFC 791).
constexpr int kMoreFragments = 0x2000;
const char kCgroupRoot[] = "/sys/fs/cgroup/unified";

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "%s: %s (this test needs root)\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

void Must(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  std::exit(1);
}

template <typename T>
T Must(absl::StatusOr<T> value) {
  Must(value.status());
  return *std::move(value);
}

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

SocketAddress ToSockaddr(const IpAddress& address, uint16_t port) {
  SocketAddress result;
  const std::string bytes = address.ToBytes();
  if (address.is_v4()) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&result.storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    memcpy(&v4->sin_addr, bytes.data(), bytes.size());
    result.size = sizeof(*v4);
  } else {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&result.storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    memcpy(&v6->sin6_addr, bytes.data(), bytes.size());
    result.size = sizeof(*v6);
  }
  return result;
}

UniqueFd MakeSocket(int netns, const IpAddress& address, int type) {
  std::optional<NetnsScope> scope;
  if (netns >= 0) scope.emplace(Must(NetnsScope::Enter(netns)));
  UniqueFd fd(socket(address.is_v4() ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0));
  if (!fd.valid()) Die("socket");
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  return fd;
}

bool Wait(int fd, short events, int timeout_ms) {
  pollfd waiting{fd, events, 0};
  return poll(&waiting, 1, timeout_ms) == 1;
}

// Until the kernel has taken the device into use: before, it drops what is sent.
void WaitUntilRunning(int netns, const std::string& name) {
  std::optional<NetnsScope> scope;
  if (netns >= 0) scope.emplace(Must(NetnsScope::Enter(netns)));
  const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  for (int waited_ms = 0; waited_ms < kPatienceMs; ++waited_ms) {
    if (ioctl(fd.get(), SIOCGIFFLAGS, &request) != 0) Die("read the flags of " + name);
    if ((request.ifr_flags & IFF_RUNNING) != 0) return;
    poll(nullptr, 0, 1);
  }
  Die(name + " has no carrier");
}

std::string& MutableBpfDir() {
  static std::string dir;
  return dir;
}

}  // namespace

const std::string& BpfDir() {
  return MutableBpfDir();
}

void BecomeNode() {
  if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) Die("unshare");
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) Die("make mounts private");
  // A tmpfs over /mnt, seen by this process alone.
  if (mount("tmpfs", "/mnt", "tmpfs", 0, nullptr) != 0) Die("mount tmpfs");
  MutableBpfDir() = "/mnt/bpf";
  mkdir("/mnt/bpf", 0700);
  if (mount("bpf", "/mnt/bpf", "bpf", 0, nullptr) != 0) Die("mount bpffs");
}

LabNode::LabNode() : socket_(Must(netlink::Socket::Open())), outside_(NewPrivateNetns()) {
  Must(netlink::ChangeLink(socket_, 1, {.up = true}));
  Must(netlink::CreateVeth(socket_,
                           {.name = "uplink", .peer_name = "uplink", .peer_netns_fd = outside_.get()}));
  netlink::Socket outside = Must(netlink::Socket::OpenIn(outside_.get()));
  auto number = [](netlink::Socket& socket, const char* v4, const char* v6) {
    const uint32_t ifindex = Must(netlink::FindLink(socket, "uplink")).ifindex;
    // A link-local address that is still tentative would hold up neighbour discovery.
    std::ofstream("/proc/sys/net/ipv6/conf/uplink/accept_dad") << 0;
    Must(netlink::ChangeLink(socket, ifindex, {.up = true}));
    Must(netlink::AddAddress(socket, ifindex, *IpAddress::Parse(v4), 24));
    Must(netlink::AddAddress(socket, ifindex, *IpAddress::Parse(v6), 64));
  };
  number(socket_, "192.168.50.1", "fd00:50::1");
  {
    NetnsScope scope = Must(NetnsScope::Enter(outside_.get()));
    number(outside, "192.168.50.2", "fd00:50::2");
  }
  WaitUntilRunning(-1, "uplink");
  WaitUntilRunning(outside_.get(), "uplink");
}

LabNode::LabNode(const LabNode& first) : number_(2), socket_(Must(netlink::Socket::OpenIn(first.outside()))) {
  Must(netlink::ChangeLink(socket_, 1, {.up = true}));
}

IpAddress LabNode::Address(bool v4) const {
  return *IpAddress::Parse(absl::StrCat(v4 ? "192.168.50." : "fd00:50::", number_));
}

RemoteNode LabNode::AsRemote() const {
  const DesiredState state = OpenState();
  return {.name = state.settings.node,
          .addresses = state.settings.node_addresses,
          .pod_cidrs = state.settings.pod_cidrs};
}

LabNode::~LabNode() {
  if (!outside_.valid()) return;
  const auto uplink = netlink::FindLink(socket_, "uplink");
  if (uplink.ok()) netlink::DeleteLink(socket_, uplink->ifindex).IgnoreError();
}

LabPod& LabNode::AddPod(const std::string& name, int number) {
  auto pod = std::make_unique<LabPod>();
  pod->netns = NewPrivateNetns();
  LocalEndpoint& e = pod->endpoint;
  e.key = name + "/eth0";
  e.namespace_name = "test";
  e.pod_name = name;
  e.generation = static_cast<uint32_t>(number);
  e.host_interface = absl::StrCat("flp", name);
  const auto byte = static_cast<uint8_t>(number), node = static_cast<uint8_t>(number_);
  e.mac = {0x02, 0, 0, node, 1, byte};
  e.host_mac = {0x02, 0, 0, node, 2, byte};
  e.addresses = {*IpAddress::Parse(absl::StrCat("10.244.", number_, ".", number)),
                 *IpAddress::Parse(absl::StrCat("fd00:10:244:", number_, "::", number))};
  e.policy_known = true;
  Must(netlink::CreateVeth(socket_, {.name = e.host_interface,
                                     .mac = e.host_mac,
                                     .peer_name = "eth0",
                                     .peer_mac = e.mac,
                                     .peer_netns_fd = pod->netns.get()}));
  e.ifindex = Must(netlink::FindLink(socket_, e.host_interface)).ifindex;
  Must(netlink::ChangeLink(socket_, e.ifindex, {.up = true}));

  netlink::Socket inside = Must(netlink::Socket::OpenIn(pod->netns.get()));
  Must(netlink::ChangeLink(inside, 1, {.up = true}));
  const uint32_t eth0 = Must(netlink::FindLink(inside, "eth0")).ifindex;
  Must(netlink::ChangeLink(inside, eth0, {.up = true}));
  for (const IpAddress& address : e.addresses) {
    const bool v4 = address.is_v4();
    Must(netlink::AddAddress(inside, eth0, address, v4 ? 32 : 128));
    const IpAddress gateway = *IpAddress::Parse(v4 ? "169.254.1.1" : "fe80::1");
    Must(netlink::ReplaceNeighbour(inside, {.ifindex = eth0, .address = gateway, .mac = e.host_mac}));
    Must(netlink::ReplaceRoute(inside, {.destination = IpPrefix::Host(gateway), .ifindex = eth0}));
    Must(netlink::ReplaceRoute(inside, {.destination = *IpPrefix::Parse(v4 ? "0.0.0.0/0" : "::/0"),
                                        .gateway = gateway,
                                        .ifindex = eth0,
                                        .mtu = 1400}));
  }
  WaitUntilRunning(pod->netns.get(), "eth0");
  return *(pods_[name] = std::move(pod));
}

void LabNode::RemovePod(const std::string& name) {
  netlink::DeleteLink(socket_, pod(name).endpoint.ifindex).IgnoreError();
  pods_.erase(name);
}

DesiredState LabNode::OpenState() const {
  DesiredState state;
  state.settings.node = absl::StrCat("node-", number_);
  state.settings.node_addresses = {Address(true), Address(false)};
  state.settings.pod_cidrs = {*IpPrefix::Parse(absl::StrCat("10.244.", number_, ".0/24")),
                              *IpPrefix::Parse(absl::StrCat("fd00:10:244:", number_, "::/64"))};
  for (const auto& [name, pod] : pods_) state.endpoints[pod->endpoint.key] = pod->endpoint;
  state.complete = true;
  return state;
}

LabCgroup::LabCgroup() {
  for (const auto& folder : std::filesystem::directory_iterator(kCgroupRoot)) {
    const std::string name = folder.path().filename();
    int pid = 0;
    if (std::sscanf(name.c_str(), "fairlead-test-%d", &pid) == 1 && kill(pid, 0) != 0)
      rmdir(folder.path().c_str());
  }
  path_ = absl::StrCat(kCgroupRoot, "/fairlead-test-", getpid());
  if (mkdir(path_.c_str(), 0755) != 0) Die("make cgroup " + path_);
  std::ofstream(path_ + "/cgroup.procs") << getpid();
}

LabCgroup::~LabCgroup() {
  std::ofstream(absl::StrCat(kCgroupRoot, "/cgroup.procs")) << getpid();
  rmdir(path_.c_str());
}

UniqueFd ListenTcp(int netns, const IpAddress& address, uint16_t port) {
  UniqueFd fd = MakeSocket(netns, address, SOCK_STREAM);
  const SocketAddress at = ToSockaddr(address, port);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&at.storage), at.size) != 0) Die("bind");
  if (listen(fd.get(), 16) != 0) Die("listen");
  return fd;
}

UniqueFd ConnectTcp(int netns, const IpAddress& address, uint16_t port, int timeout_ms) {
  UniqueFd fd = MakeSocket(netns, address, SOCK_STREAM | SOCK_NONBLOCK);
  const SocketAddress to = ToSockaddr(address, port);
  const int result = connect(fd.get(), reinterpret_cast<const sockaddr*>(&to.storage), to.size);
  if (result != 0 && errno != EINPROGRESS) return UniqueFd();
  if (result != 0 && !Wait(fd.get(), POLLOUT, timeout_ms)) return UniqueFd();
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    errno = error;
    return UniqueFd();
  }
  fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) & ~O_NONBLOCK);
  return fd;
}

UniqueFd AcceptTcp(int listener, int timeout_ms) {
  if (!Wait(listener, POLLIN, timeout_ms)) return UniqueFd();
  return UniqueFd(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
}

UniqueFd BindUdp(int netns, const IpAddress& address, uint16_t port) {
  UniqueFd fd = MakeSocket(netns, address, SOCK_DGRAM);
  const SocketAddress at = ToSockaddr(address, port);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&at.storage), at.size) != 0) Die("bind");
  return fd;
}

bool SendUdp(int socket, const IpAddress& to, uint16_t port, const std::string& text) {
  const SocketAddress at = ToSockaddr(to, port);
  return sendto(socket, text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&at.storage),
                at.size) == static_cast<ssize_t>(text.size());
}

bool Arrives(int receiver, size_t size, const std::function<void()>& send) {
  constexpr int kAgainMs = 1000;
  for (int waited_ms = 0; waited_ms < kPatienceMs; waited_ms += kAgainMs) {
    send();
    if (Receive(receiver, kAgainMs).size() == size) return true;
  }
  return false;
}

void SendFragmentsBackwards(int netns, const IpAddress& from, const IpAddress& to, uint16_t port,
                            const std::string& text) {
  constexpr size_t kFragment = 800;  // a multiple of 8
  static uint16_t id = 0x1234;       // another one for each datagram
  ++id;
  std::optional<NetnsScope> scope;
  scope.emplace(Must(NetnsScope::Enter(netns)));
  UniqueFd raw(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  if (!raw.valid()) Die("raw socket");
  const udphdr udp{htons(4000), htons(port), htons(static_cast<uint16_t>(sizeof(udphdr) + text.size())), 0};
  std::string datagram(reinterpret_cast<const char*>(&udp), sizeof(udp));
  datagram += text;
  for (size_t offset = (datagram.size() - 1) / kFragment * kFragment;; offset -= kFragment) {
    const std::string part = datagram.substr(offset, kFragment);
    iphdr ip{};
    ip.version = 4;
    ip.ihl = 5;
    ip.tot_len = htons(static_cast<uint16_t>(sizeof(ip) + part.size()));
    ip.id = htons(id);
    const bool last = offset + part.size() == datagram.size();
    ip.frag_off = htons(static_cast<uint16_t>(offset / 8 | (last ? 0 : kMoreFragments)));
    ip.ttl = 64;
    ip.protocol = IPPROTO_UDP;
    ip.saddr = htonl(from.v4());
    ip.daddr = htonl(to.v4());
    const std::string packet = std::string(reinterpret_cast<const char*>(&ip), sizeof(ip)) + part;
    const SocketAddress at = ToSockaddr(to, 0);
    if (sendto(raw.get(), packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&at.storage),
               at.size) < 0) {
      Die("send fragment");
    }
    if (offset == 0) return;
  }
}

std::string Receive(int socket, int timeout_ms) {
  if (!Wait(socket, POLLIN, timeout_ms)) return "";
  char buffer[65536];
  const ssize_t size = recv(socket, buffer, sizeof(buffer), 0);
  return size <= 0 ? "" : std::string(buffer, static_cast<size_t>(size));
}

}  // namespace fairlead::datapath
