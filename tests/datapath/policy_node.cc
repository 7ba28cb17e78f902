#include "tests/datapath/policy_node.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/netlink/address.h"
#include "base/netlink/link.h"
#include "base/netlink/route.h"
#include "datapath/abi/event.h"
#include "datapath/abi/reasons.h"
#include "datapath/map_limits.h"
#include "fairlead_bpf.skel.h"
#include "tests/packets/packet.h"

namespace fairlead::datapath {
namespace {

constexpr int kPods = 20;
constexpr uint32_t kConnections = 1 << 12;
// Ticks after which the sweep has passed over every connection twice.
constexpr int kSweepTicks = 64;

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "policy node: %s (it needs root and eBPF)\n", what.c_str());
  std::exit(1);
}

void Require(const absl::Status& status) {
  if (!status.ok()) Die(status.ToString());
}

uint32_t MakeVeth(netlink::Socket& socket, const std::string& name, const PodDevice& device) {
  const std::string peer = absl::StrCat("p", name);
  Require(netlink::CreateVeth(
      socket, {.name = name, .mac = device.host_mac, .peer_name = peer, .peer_mac = device.mac}));
  for (const std::string& end : {peer, name}) {
    const auto link = netlink::FindLink(socket, end);
    Require(link.status());
    Require(netlink::ChangeLink(socket, link->ifindex, {.up = true}));
    if (end == name) return link->ifindex;
  }
  return 0;
}

packets::Layer Transport(const policy::Attempt& attempt, uint16_t source_port, Moment moment) {
  const bool opens = moment == Moment::kOpens;
  switch (attempt.protocol) {
    case policy::Protocol::kTcp:
      return packets::Tcp{source_port, attempt.destination_port, opens ? packets::kSyn : packets::kAck};
    case policy::Protocol::kUdp:
      return packets::Udp{source_port, attempt.destination_port};
    case policy::Protocol::kSctp:
      return packets::Sctp{source_port, attempt.destination_port, static_cast<uint8_t>(opens ? 1 : 0)};
  }
  Die("no such protocol");
}

}  // namespace

PolicyNode::PolicyNode() {
  if (unshare(CLONE_NEWNET) != 0) Die("make a network namespace");
  MakeDevices();
  Load();
}

PolicyNode::~PolicyNode() {
  fairlead_bpf__destroy(programs_);
  if (names_fd_ >= 0) close(names_fd_);
}

void PolicyNode::MakeDevices() {
  auto socket = netlink::Socket::Open();
  Require(socket.status());
  for (uint8_t i = 0; i < kPods; ++i) {
    PodDevice device{.mac = {2, 0, 0, 1, 0, i}, .host_mac = {2, 0, 0, 2, 0, i}};
    device.ifindex = MakeVeth(*socket, absl::StrCat("flp", i), device);
    devices_.push_back(device);
  }
  node_device_ = {.mac = {2, 0, 0, 3, 0, 1}, .host_mac = {2, 0, 0, 3, 0, 2}};
  node_device_.ifindex = MakeVeth(*socket, "wire", node_device_);
  // A way out for everything that is no pod of this node.
  for (const char* text : {"172.31.9.1/24", "fd00:172:31:9::1/64"}) {
    const std::string address(text);
    const size_t slash = address.find('/');
    Require(netlink::AddAddress(*socket, node_device_.ifindex, *IpAddress::Parse(address.substr(0, slash)),
                                atoi(address.c_str() + slash + 1)));
  }
  for (const auto& [range, gateway] : {std::pair("0.0.0.0/0", "172.31.9.2"), {"::/0", "fd00:172:31:9::2"}}) {
    Require(netlink::ReplaceRoute(*socket, {.destination = *IpPrefix::Parse(range),
                                            .gateway = *IpAddress::Parse(gateway),
                                            .ifindex = node_device_.ifindex}));
  }
}

void PolicyNode::Load() {
  programs_ = fairlead_bpf__open();
  if (programs_ == nullptr) Die("open the programs");
  bpf_map__set_max_entries(programs_->maps.ct_tuple, 2 * kConnections);
  for (bpf_map* map : {programs_->maps.ct_record, programs_->maps.ct_translation, programs_->maps.ct_free}) {
    bpf_map__set_max_entries(map, kConnections);
  }
  std::map<std::string, int> fds;
  bpf_map* map;
  bpf_object__for_each_map(map, programs_->obj) {
    for (const MapShape& shape : kMapShapes) {
      const bool ours = shape.name == std::string(bpf_map__name(map));
      if (ours && bpf_map__type(map) == BPF_MAP_TYPE_ARRAY) {
        bpf_map__set_map_flags(map, bpf_map__map_flags(map) | BPF_F_MMAPABLE);
      }
    }
  }
  if (fairlead_bpf__load(programs_) != 0) Die("load the programs");
  bpf_object__for_each_map(map, programs_->obj) fds[bpf_map__name(map)] = bpf_map__fd(map);
  const MapShape& names = ShapeOf(MapId::kName);
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_NO_PREALLOC);
  names_fd_ = bpf_map_create(BPF_MAP_TYPE_HASH, "names", names.key_size, names.value_size,
                             MaxEntries(MapId::kName), &options);
  if (names_fd_ < 0) Die("make the map of names");
  fds[names.name] = names_fd_;

  auto maps = LibbpfMaps::Open(fds);
  Require(maps.status());
  maps_ = *std::move(maps);
  reconciler_ = std::make_unique<Reconciler>(*maps_, stats_, *this);
  Require(reconciler_->Load());
}

Failures PolicyNode::Apply(const DesiredState& desired, bool verify) {
  const std::vector<uint8_t> any(64);
  for (int tick = 0; verify && tick < kSweepTicks; ++tick) Run("sweep_now", any, node_device_.ifindex);
  Failures failures;
  reconciler_->Apply(desired, StateChanges::Everything(), NodeFacts{}, verify, failures);
  return failures;
}

std::vector<uint64_t> PolicyNode::Drops() {
  std::vector<fl_counter> each(libbpf_num_possible_cpus());
  std::vector<uint64_t> packets(FL_REASON_COUNT);
  for (uint32_t reason = 0; reason < FL_REASON_COUNT; ++reason) {
    bpf_map_lookup_elem(bpf_map__fd(programs_->maps.reason_counter), &reason, each.data());
    for (const fl_counter& counter : each) packets[reason] += counter.packets;
  }
  return packets;
}

int PolicyNode::Run(const char* program, const std::vector<uint8_t>& frame, uint32_t ifindex) {
  bpf_program* found = bpf_object__find_program_by_name(programs_->obj, program);
  if (found == nullptr) Die(absl::StrCat("no program ", program));
  std::vector<uint8_t> out(frame.size() + 512);
  __sk_buff context{};
  context.ifindex = ifindex;
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_out = out.data(),
              .data_size_in = static_cast<__u32>(frame.size()),
              .data_size_out = static_cast<__u32>(out.size()), .ctx_in = &context,
              .ctx_size_in = sizeof(context));
  if (bpf_prog_test_run_opts(bpf_program__fd(found), &options) != 0) {
    Die(absl::StrCat("run ", program, ": ", strerror(errno)));
  }
  return static_cast<int>(options.retval);
}

uint32_t PolicyNode::Send(const DesiredState& desired, const policy::Attempt& attempt, uint16_t source_port,
                          Moment moment) {
  const LocalEndpoint* sender = EndpointAt(desired, attempt.source);
  const packets::Ethernet link = sender != nullptr
                                     ? packets::Ethernet{sender->mac, sender->host_mac}
                                     : packets::Ethernet{node_device_.mac, node_device_.host_mac};
  const packets::Packet packet = packets::Packet(link) / packets::Ip{attempt.source, attempt.destination} /
                                 packets::Packet(Transport(attempt, source_port, moment));
  const std::vector<uint64_t> before = Drops();
  Run(sender != nullptr ? "pod_egress" : "node_ingress", packet.Build(),
      sender != nullptr ? sender->ifindex : node_device_.ifindex);
  const std::vector<uint64_t> after = Drops();
  for (uint32_t reason = 0; reason < FL_REASON_COUNT; ++reason) {
    if (after[reason] != before[reason]) return reason;
  }
  return FL_REASON_FORWARDED;
}

}  // namespace fairlead::datapath
