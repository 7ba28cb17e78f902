#include "tests/packets/world.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <sched.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>

#include "base/netlink/address.h"
#include "base/netlink/link.h"
#include "base/netlink/route.h"
#include "datapath/event_rings.h"
#include "fairlead_bpf.skel.h"
#include "policy/classifier.h"

namespace fairlead::packets {
namespace {

constexpr uint32_t kConnections = 4096;
constexpr uint32_t kRowWords = 1 << 14;

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "packet tests: %s (they need root and eBPF)\n", what.c_str());
  std::exit(1);
}

void Require(const absl::Status& status) {
  if (!status.ok()) Die(std::string(status.message()));
}

void WriteSysctl(const std::string& name, const std::string& value) {
  std::ofstream file("/proc/sys/net/" + name);
  file << value;
}

fl_address_prefix Prefix(const IpPrefix& prefix) {
  return {static_cast<__u32>(prefix.length128()), Abi(prefix.address())};
}

}  // namespace

IpAddress Address(const std::string& text) {
  auto address = IpAddress::Parse(text);
  if (!address.ok()) Die("address " + text);
  return *address;
}

fl_address Abi(const IpAddress& address) {
  fl_address abi;
  std::memcpy(&abi, address.bytes().data(), sizeof(abi));
  return abi;
}

IpAddress FromAbi(const fl_address& address) {
  std::array<uint8_t, 16> bytes;
  std::memcpy(bytes.data(), &address, sizeof(address));
  return IpAddress(bytes);
}

World& World::Get() {
  static World world;
  return world;
}

World::World() {
  if (unshare(CLONE_NEWNET) != 0) Die("make a network namespace");
  MakeDevices();
  attached_ = Load(false);
  twin_ = Load(true);
  Require(datapath::MakeEventRings(bpf_map__fd(attached_->maps.events)));
  auto events = datapath::EventReader::Open(bpf_map__fd(attached_->maps.events),
                                            bpf_map__fd(attached_->maps.events_lost));
  Require(events.status());
  events_ = *std::move(events);
}

void World::MakeDevices() {
  auto socket = netlink::Socket::Open();
  Require(socket.status());
  struct Wanted {
    const char* name;
    const char* peer;
    MacAddress mac, peer_mac;
    uint32_t* ifindex;
  };
  a_ = {.index = 1, .v4 = Address("10.244.1.10"), .v6 = Address("fd00:10:244:1::10")};
  b_ = {.index = 2, .v4 = Address("10.244.1.11"), .v6 = Address("fd00:10:244:1::11")};
  a_.mac = {2, 0, 0, 0, 1, 1}, a_.host_mac = {2, 0, 0, 0, 1, 2};
  b_.mac = {2, 0, 0, 0, 2, 1}, b_.host_mac = {2, 0, 0, 0, 2, 2};
  node_mac_ = {2, 0, 0, 0, 3, 1};
  const Wanted wanted[] = {
      {"flpa", "poda", a_.host_mac, a_.mac, &a_.ifindex},
      {"flpb", "podb", b_.host_mac, b_.mac, &b_.ifindex},
      {"eth0", "wire", node_mac_, {2, 0, 0, 0, 3, 2}, &node_ifindex_},
      {"over", "lay", {2, 0, 0, 0, 4, 1}, {2, 0, 0, 0, 4, 2}, &overlay_ifindex_},
  };
  for (const Wanted& w : wanted) {
    Require(netlink::CreateVeth(*socket,
                                {.name = w.name, .mac = w.mac, .peer_name = w.peer, .peer_mac = w.peer_mac}));
    for (const char* name : {w.peer, w.name}) {
      auto link = netlink::FindLink(*socket, std::string(name));
      Require(link.status());
      Require(netlink::ChangeLink(*socket, link->ifindex, {.up = true}));
      *w.ifindex = link->ifindex;
    }
  }
  Require(netlink::AddAddress(*socket, node_ifindex_, node(false), 24));
  Require(netlink::AddAddress(*socket, node_ifindex_, node(true), 64));
  for (const char* text : {"0.0.0.0/0 172.31.0.1", "::/0 fd00:172:31::1"}) {
    std::string route(text);
    size_t space = route.find(' ');
    Require(netlink::ReplaceRoute(*socket, {.destination = *IpPrefix::Parse(route.substr(0, space)),
                                            .gateway = Address(route.substr(space + 1)),
                                            .ifindex = node_ifindex_}));
  }
  WriteSysctl("ipv4/ip_forward", "1");
  WriteSysctl("ipv6/conf/all/forwarding", "1");
}

fairlead_bpf* World::Load(bool twin) {
  fairlead_bpf* programs = fairlead_bpf__open();
  if (!programs) Die("open the programs");
  programs->rodata->explain = twin;
  programs->rodata->facts_given = true;
  bpf_map__set_max_entries(programs->maps.ct_tuple, 2 * kConnections);
  for (bpf_map* map : {programs->maps.ct_record, programs->maps.ct_translation, programs->maps.ct_free})
    bpf_map__set_max_entries(map, kConnections);
  bpf_map__set_max_entries(programs->maps.row_word, kRowWords);
  auto cpus = datapath::EventRingCount();
  Require(cpus.status());
  bpf_map__set_max_entries(programs->maps.events, *cpus);
  if (twin) {
    bpf_map* map;
    bpf_object__for_each_map(map, programs->obj) {
      std::string name = bpf_map__name(map);
      bool own = name == "scratch" || name == "reason_counter" || name == "events" || name == "events_lost" ||
                 name.find("rodata") != std::string::npos;
      if (own) continue;
      bpf_map* live = bpf_object__find_map_by_name(attached_->obj, name.c_str());
      if (bpf_map__reuse_fd(map, bpf_map__fd(live)) != 0) Die("share map " + name);
    }
  }
  if (fairlead_bpf__load(programs) != 0) Die("load the programs");
  return programs;
}

IpAddress World::node(bool ipv6) const {
  return Address(ipv6 ? "fd00:172:31::11" : "172.31.0.11");
}
IpAddress World::other_node(bool ipv6) const {
  return Address(ipv6 ? "fd00:172:31::12" : "172.31.0.12");
}
IpAddress World::remote_pod(bool ipv6) const {
  return Address(ipv6 ? "fd00:10:244:2::10" : "10.244.2.10");
}
IpAddress World::outside(bool ipv6) const {
  return Address(ipv6 ? "2001:db8::7" : "198.51.100.7");
}
IpAddress World::unused_pod(bool ipv6) const {
  return Address(ipv6 ? "fd00:10:244:1::99" : "10.244.1.99");
}

Ethernet World::FromUnderlay() const {
  return {{2, 0, 0, 0, 3, 2}, node_mac_};
}

int World::MapFd(const std::string& name) const {
  bpf_map* map = bpf_object__find_map_by_name(attached_->obj, name.c_str());
  if (!map) Die("no map " + name);
  return bpf_map__fd(map);
}

void World::Put(const std::string& map, const void* key, const void* value) {
  if (bpf_map_update_elem(MapFd(map), key, value, BPF_ANY) != 0)
    Die("update " + map + ": " + std::strerror(errno));
}

void World::Erase(const std::string& map, const void* key) {
  bpf_map_delete_elem(MapFd(map), key);
}

bool World::Lookup(const std::string& map, const void* key, void* value) {
  return bpf_map_lookup_elem(MapFd(map), key, value) == 0;
}

// Arrays keep what the tests before wrote; the cheap ones are zeroed, rows are rewritten before use.
void World::Clear() {
  bpf_map* map;
  bpf_object__for_each_map(map, attached_->obj) {
    std::string name = bpf_map__name(map);
    int fd = bpf_map__fd(map);
    Bytes key(bpf_map__key_size(map)), zero(bpf_map__value_size(map));
    switch (bpf_map__type(map)) {
      case BPF_MAP_TYPE_HASH:
      case BPF_MAP_TYPE_LRU_HASH:
      case BPF_MAP_TYPE_LPM_TRIE:
        while (bpf_map_get_next_key(fd, nullptr, key.data()) == 0) bpf_map_delete_elem(fd, key.data());
        break;
      case BPF_MAP_TYPE_STACK: {
        uint32_t slot;
        while (bpf_map_lookup_and_delete_elem(fd, nullptr, &slot) == 0) {
        }
        break;
      }
      case BPF_MAP_TYPE_ARRAY: {
        if (name == "row_word" || name == "ct_timer" || name.find("rodata") != std::string::npos) break;
        uint32_t entries = bpf_map__max_entries(map);
        bool touched = entries <= 1 || name == "ct_record" || name == "endpoint" || name == "ct_account" ||
                       name == "node";
        if (!touched && name != "ct_half_open" && name != "policy_set" && name != "backend") break;
        uint32_t limit = name == "ct_half_open" ? 3 * FL_HALF_OPEN_QUOTA / 2
                         : name == "ct_record"  ? Table().fresh
                                                : std::min(entries, 64u);
        for (uint32_t i = 0; i < limit; ++i) bpf_map_update_elem(fd, &i, zero.data(), BPF_ANY);
        break;
      }
      default:
        break;
    }
  }
}

void World::Reset() {
  // The record array is cleared by the number of slots used, which the table tells: records first.
  uint32_t used = Table().fresh;
  fl_ct_record none{};
  for (uint32_t i = 0; i < used && i < kConnections; ++i) Put("ct_record", i, none);
  Clear();
  TakeEvents();
  compare_frames = compare_twin = true;

  fl_config config{};
  config.node_v4 = Abi(node(false));
  config.node_v6 = Abi(node(true));
  config.underlay_mtu = 1500;
  config.overlay_mtu = 1430;
  config.overlay_ifindex = overlay_ifindex_;
  config.vni = 1;
  config.overlay_mac[0] = 2;
  config.node_port_first = 30000;
  config.node_port_last = 32767;
  config.snat_port_first = 60000;
  config.snat_port_last = 60999;
  SetConfig(config);
  for (const Pod* pod : {&a_, &b_}) {
    fl_endpoint e{};
    e.flags = FL_ENDPOINT_READY;
    e.ifindex = pod->ifindex;
    std::memcpy(e.mac, pod->mac.data(), 6);
    std::memcpy(e.host_mac, pod->host_mac.data(), 6);
    e.v4 = Abi(pod->v4);
    e.v6 = Abi(pod->v6);
    e.generation = 1;
    SetEndpoint(*pod, e);
    Put("pod_device", pod->ifindex, pod->index);
  }
  uint32_t other = 1;
  fl_node other_address = {Abi(other_node(false))};
  Put("node", other, other_address);
  for (bool ipv6 : {false, true}) {
    SetLocation(a_.address(ipv6), FL_LOCATION_LOCAL_POD, a_.index);
    SetLocation(b_.address(ipv6), FL_LOCATION_LOCAL_POD, b_.index);
    SetLocation(node(ipv6), FL_LOCATION_THIS_NODE, 0);
    SetLocation(other_node(ipv6), FL_LOCATION_OTHER_NODE, other);
    fl_pod_range mine = {0, FL_RANGE_THIS_NODE}, theirs = {other, 0};
    Put("pod_range", Prefix(*IpPrefix::Parse(ipv6 ? "fd00:10:244:1::/64" : "10.244.1.0/24")), mine);
    Put("pod_range", Prefix(*IpPrefix::Parse(ipv6 ? "fd00:10:244:2::/64" : "10.244.2.0/24")), theirs);
  }
}

fl_config World::config() {
  uint32_t zero = 0;
  fl_config config{};
  Lookup("config", &zero, &config);
  return config;
}

void World::SetConfig(const fl_config& config) {
  Put("config", uint32_t{0}, config);
}

fl_endpoint World::endpoint(const Pod& pod) {
  fl_endpoint e{};
  Lookup("endpoint", &pod.index, &e);
  return e;
}

void World::SetEndpoint(const Pod& pod, const fl_endpoint& endpoint) {
  Put("endpoint", pod.index, endpoint);
}

void World::SetLocation(const IpAddress& address, uint32_t kind, uint32_t index) {
  Put("location", Abi(address), fl_location{kind, index});
}

void World::EraseLocation(const IpAddress& address) {
  fl_address key = Abi(address);
  Erase("location", &key);
}

void World::Isolate(const Pod& pod, uint32_t ingress_set, uint32_t egress_set) {
  fl_endpoint e = endpoint(pod);
  e.ingress_set = ingress_set;
  e.egress_set = egress_set;
  SetEndpoint(pod, e);
}

void World::SetPolicy(const std::vector<policy::PolicySet>& sets,
                      const std::map<std::string, policy::AddressGroup>& groups) {
  ++epoch_;
  uint32_t next_word = 0, next_rule = 0;
  auto write_row = [&](const policy::Row& row) {
    uint32_t offset = next_word;
    policy::Row summary((row.size() + 63) / 64);
    for (size_t i = 0; i < row.size(); ++i)
      if (row[i]) summary[i / 64] |= uint64_t{1} << (i % 64);
    for (uint64_t word : summary) Put("row_word", next_word++, word);
    for (uint64_t word : row)
      if (word) Put("row_word", next_word++, word);
    return offset;
  };
  // Class 0 is "in no group".
  std::map<policy::AddressClass, uint32_t> classes = {{{}, 0}};
  for (const auto& [prefix, address_class] : policy::ClassifyAddresses(groups)) {
    uint32_t id = classes.emplace(address_class, classes.size()).first->second;
    if (prefix.length128() == 128)
      Put("class_by_address", Abi(prefix.address()), id);
    else
      Put("class_by_prefix", Prefix(prefix), id);
  }
  for (size_t i = 0; i < sets.size(); ++i) {
    const policy::PolicySet& set = sets[i];
    uint32_t index = i + 1, number = epoch_ * 16 + index;  // generations in use are never written to
    number %= FL_MAX_POLICY_GENERATIONS;
    fl_policy_generation generation{};
    generation.rule_base = next_rule;
    generation.rule_count = set.rules.size();
    generation.word_count = (set.rules.size() + 63) / 64;
    generation.summary_count = (generation.word_count + 63) / 64;
    generation.any_port_row = write_row(policy::AnyPortRow(set));
    generation.number = number;
    for (const auto& [address_class, id] : classes) {
      uint32_t offset = write_row(policy::PeerRow(set, address_class));
      if (id == 0) generation.any_peer_row = offset;
      Put("row_by_class", fl_class_row_key{number, id}, offset);
    }
    for (const auto& [ports, row] : policy::PortRows(set)) {
      fl_port_row_key key{};
      key.length = 40 + ports.length;
      key.generation = __builtin_bswap32(number);
      key.protocol = static_cast<uint8_t>(ports.protocol);
      key.port[0] = ports.first >> 8;
      key.port[1] = ports.first & 0xff;
      Put("row_by_port", key, write_row(row));
    }
    for (const policy::Rule& rule : set.rules) {
      uint32_t action = rule.action == policy::Action::kAllow ? FL_ACTION_ALLOW : FL_ACTION_DENY;
      Put("policy_rule", next_rule++, fl_policy_rule{action});
    }
    Put("policy_generation", number, generation);
    fl_policy_set entry{};
    entry.generation = number;
    entry.epoch = epoch_;
    Put("policy_set", index, entry);
  }
}

std::vector<fl_counter> World::Counters() {
  int cpus = libbpf_num_possible_cpus();
  std::vector<fl_counter> total(FL_REASON_COUNT);
  std::vector<fl_counter> each(cpus);
  for (uint32_t reason = 0; reason < FL_REASON_COUNT; ++reason) {
    Lookup("reason_counter", &reason, each.data());
    for (const fl_counter& counter : each) {
      total[reason].packets += counter.packets;
      total[reason].bytes += counter.bytes;
    }
  }
  return total;
}

std::vector<fl_event> World::TakeEvents(int limit, uint64_t* lost) {
  std::vector<fl_event> taken;
  events_->Read(limit, [&](const fl_event& event, uint64_t lost_before) {
    taken.push_back(event);
    if (lost != nullptr) *lost += lost_before;
  });
  return taken;
}

Outcome World::RunOne(fairlead_bpf* programs, fl_stage stage, const Bytes& frame, uint32_t ifindex,
                      uint32_t gso_size) {
  // Programs are named after their stages.
  constexpr const char* kStages[] = {
#define FL_STAGE_NAME(constant, name) name,
      FL_STAGES(FL_STAGE_NAME)
#undef FL_STAGE_NAME
  };
  std::string name = kStages[stage];
  std::replace(name.begin(), name.end(), '-', '_');
  bpf_program* program = bpf_object__find_program_by_name(programs->obj, name.c_str());
  Outcome outcome;
  outcome.frame.resize(frame.size() + 512);
  __sk_buff context{};
  context.ifindex = ifindex;
  context.gso_size = gso_size;
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_out = outcome.frame.data(),
              .data_size_in = static_cast<__u32>(frame.size()),
              .data_size_out = static_cast<__u32>(outcome.frame.size()), .ctx_in = &context,
              .ctx_size_in = sizeof(context));
  if (bpf_prog_test_run_opts(bpf_program__fd(program), &options) != 0)
    Die("run " + name + ": " + std::strerror(errno));
  outcome.action = static_cast<int>(options.retval);
  outcome.frame.resize(options.data_size_out);
  return outcome;
}

int World::PacketsUntilWoken(fl_stage stage, const Bytes& frame, uint32_t ifindex, int limit) {
  TakeEvents();
  epoll_event woken;
  const int epoll_fd = events_->fd();
  while (epoll_wait(epoll_fd, &woken, 1, 0) > 0) TakeEvents();
  int sent = 0;
  // The kernel wakes from an interrupt that it sends to itself.
  while (sent < limit && epoll_wait(epoll_fd, &woken, 1, 0) == 0) {
    RunAttached(stage, frame, ifindex);
    ++sent;
  }
  const bool was_woken = epoll_wait(epoll_fd, &woken, 1, 1000) > 0;
  TakeEvents();
  return was_woken ? sent : -1;
}

void World::RunAttached(fl_stage stage, const Bytes& frame, uint32_t ifindex) {
  RunOne(attached_, stage, frame, ifindex, 0);
}

Outcome World::Run(fl_stage stage, const Bytes& frame, uint32_t ifindex, const Facts& facts) {
  fl_explain_input input{};
  input.own = facts.own;
  input.outer_source = Abi(facts.outer_source);
  uint32_t zero = 0;
  Put("explain_input", zero, input);

  Outcome shown = RunOne(twin_, stage, frame, ifindex, facts.gso_size);
  fl_trace trace{};
  Lookup("trace", &zero, &trace);

  std::vector<fl_counter> before = Counters();
  TakeEvents();
  Outcome outcome = RunOne(attached_, stage, frame, ifindex, facts.gso_size);
  outcome.events = TakeEvents();
  outcome.trace = trace;
  std::vector<fl_counter> after = Counters();
  for (uint32_t reason = 0; reason < FL_REASON_COUNT; ++reason)
    if (after[reason].packets != before[reason].packets) outcome.reason = reason;

  if (!compare_twin) return outcome;
  EXPECT_EQ(shown.action, outcome.action) << "twin and attached program disagree on the action; reason "
                                          << trace.reason << " and " << outcome.reason;
  EXPECT_EQ(trace.reason, outcome.reason) << "twin and attached program disagree on the reason";
  if (compare_frames) {
    EXPECT_EQ(Dump(shown.frame), Dump(outcome.frame)) << "twin and attached program send different packets";
  }
  return outcome;
}

Outcome World::FromPod(const Pod& pod, const Packet& packet, const Facts& facts) {
  return Run(FL_STAGE_POD_EGRESS, (Packet(FromPod(pod)) / packet).Build(), pod.ifindex, facts);
}

Outcome World::ToPod(const Pod& pod, const Packet& packet, const Facts& facts) {
  return Run(FL_STAGE_POD_INGRESS, (Packet(ToPod(pod)) / packet).Build(), pod.ifindex, facts);
}

Outcome World::FromNode(const Packet& packet) {
  return Run(FL_STAGE_NODE_INGRESS, (Packet(FromUnderlay()) / packet).Build(), node_ifindex_);
}

std::vector<uint32_t> World::ConnectionSlots() {
  std::vector<uint32_t> slots;
  uint32_t used = Table().fresh;
  for (uint32_t slot = 0; slot < used; ++slot) {
    uint8_t state = Record(slot).life.state;
    if (state >= FL_CT_NEW && state <= FL_CT_CLOSING) slots.push_back(slot);
  }
  return slots;
}

std::vector<fl_ct_record> World::Connections() {
  std::vector<fl_ct_record> records;
  for (uint32_t slot : ConnectionSlots()) records.push_back(Record(slot));
  return records;
}

fl_ct_record World::Record(uint32_t slot) {
  fl_ct_record record{};
  Lookup("ct_record", &slot, &record);
  return record;
}

void World::SetRecord(uint32_t slot, const fl_ct_record& record) {
  Put("ct_record", slot, record);
}

fl_ct_account World::Account(const Pod& pod) {
  fl_ct_account account{};
  Lookup("ct_account", &pod.index, &account);
  return account;
}

size_t World::TupleCount() {
  size_t count = 0;
  int fd = MapFd("ct_tuple");
  fl_ct_key key, next;
  for (int error = bpf_map_get_next_key(fd, nullptr, &next); error == 0;
       error = bpf_map_get_next_key(fd, &key, &next)) {
    key = next;
    ++count;
  }
  return count;
}

fl_ct_table World::Table() {
  uint32_t zero = 0;
  fl_ct_table table{};
  Lookup("ct_table", &zero, &table);
  return table;
}

void World::SetTable(const fl_ct_table& table) {
  Put("ct_table", uint32_t{0}, table);
}

void World::Sweep() {
  Bytes frame(64);
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(),
              .data_size_in = static_cast<__u32>(frame.size()));
  if (bpf_prog_test_run_opts(bpf_program__fd(attached_->progs.sweep_now), &options) != 0)
    Die("run sweep_now");
}

}  // namespace fairlead::packets
