// The whole datapath on the real kernel: one node, pods with sockets.
#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>

#include "absl/strings/str_cat.h"
#include "datapath/abi/event.h"
#include "datapath/bpf_object.h"
#include "datapath/hook_strategy.h"
#include "tests/datapath/lab_node.h"

namespace fairlead::datapath {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr uint16_t kPort = 8080;

policy::Rule AllowFrom(const std::string& group) {
  return {.action = policy::Action::kAllow,
          .peers = {group},
          .any_port = true,
          .origin = {"NetworkPolicy", "test", "allow", "spec.ingress[0]", {}}};
}

policy::Rule DenyRest() {
  return {.action = policy::Action::kDeny,
          .any_peer = true,
          .any_port = true,
          .origin = {"NetworkPolicy", "test", "allow", "default deny", {"test/allow"}}};
}

// Both ways to attach: true: clsact although there may be tcx.
class LiveDatapath : public ::testing::TestWithParam<bool> {
 protected:
  static void SetUpTestSuite() {
    static const bool once = (BecomeNode(), true);
    (void)once;
  }

  void SetUp() override {
    options_.pin_dir = BpfDir() + "/fairlead";
    options_.max_connections = 1 << 12;
    options_.force_clsact = GetParam();
    options_.cgroup_dir = cgroup_.path();
    Open();
    node_ = std::make_unique<LabNode>();
    node_->AddPod("a", 1);
    node_->AddPod("b", 2);
  }

  void TearDown() override {
    datapath_.reset();
    EXPECT_TRUE(RemoveAll(options_).ok());
    node_->RemovePod("a");
    node_->RemovePod("b");
    node_.reset();
  }

  void Open() {
    datapath_.reset();
    auto opened = Datapath::Open(options_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    datapath_ = *std::move(opened);
  }

  void AttachPods() {
    for (const char* pod : {"a", "b"}) {
      const absl::Status attached = datapath_->AttachPod(node_->pod(pod).endpoint.ifindex);
      ASSERT_TRUE(attached.ok()) << attached;
    }
  }

  ApplyReport Apply(const DesiredState& state, bool verify = false) {
    auto report = datapath_->Apply(state, verify);
    EXPECT_TRUE(report.ok()) << report.status();
    for (const auto& failure : report->failures) {
      ADD_FAILURE() << failure.kind << " " << failure.name << ": " << failure.status;
    }
    return *report;
  }

  // Hooks where something else runs than what we hold.
  std::vector<std::string> Foreign() const {
    std::vector<std::string> hooks;
    for (const AttachedProgram& program : datapath_->Programs()) {
      if (!program.ours) hooks.push_back(program.hook);
    }
    return hooks;
  }

  const IpAddress& Address(const std::string& pod, bool v4) {
    return node_->pod(pod).endpoint.addresses[v4 ? 0 : 1];
  }

  // b admits only the addresses in `admitted`.
  DesiredState Restricted(const std::vector<IpPrefix>& admitted) {
    DesiredState state = node_->OpenState();
    state.groups["friends"].members = admitted;
    state.sets["b-in"] = {policy::Direction::kIngress, {AllowFrom("friends"), DenyRest()}};
    state.endpoints["b/eth0"].ingress_set = "b-in";
    return state;
  }

  bool Connects(bool v4, int timeout_ms = 5000) {
    UniqueFd listener = ListenTcp(node_->pod("b").netns.get(), Address("b", v4), kPort);
    return ConnectTcp(node_->pod("a").netns.get(), Address("b", v4), kPort, timeout_ms).valid();
  }

  // A Service on 10.96.0.10:80 and fd00:96::10:80 and node port 30080, served by b.
  DesiredState WithService(bool has_backend) {
    DesiredState state = node_->OpenState();
    // Every socket of this test is in the node's cgroup; pods are to be balanced packet by packet.
    state.settings.socket_balancing = false;
    Service& service = state.services["test/web"];
    service.namespace_name = "test";
    service.name = "web";
    service.cluster_ips = {ServiceAddress(true), ServiceAddress(false)};
    ServicePort port{.name = "http", .port = 80, .node_port = 30080};
    for (const bool v4 : {true, false}) {
      if (has_backend) {
        port.backends.push_back(
            {.address = Address("b", v4), .port = kPort, .pod = "test/b", .node = "node-1"});
      }
    }
    service.ports = {port};
    return state;
  }

  static IpAddress ServiceAddress(bool v4) { return *IpAddress::Parse(v4 ? "10.96.0.10" : "fd00:96::10"); }

  // A TCP exchange of a word both ways with b through `address`.
  std::string Exchange(int netns, const IpAddress& address, uint16_t port, bool v4) {
    UniqueFd listener = ListenTcp(node_->pod("b").netns.get(), Address("b", v4), kPort);
    UniqueFd client = ConnectTcp(netns, address, port);
    if (!client.valid()) return "no connection";
    UniqueFd server = AcceptTcp(listener.get());
    if (!server.valid() || send(client.get(), "ping", 4, 0) != 4 || Receive(server.get()) != "ping")
      return "no ping";
    if (send(server.get(), "pong", 4, 0) != 4) return "no answer sent";
    return Receive(client.get());
  }

  LabCgroup cgroup_;
  Options options_;
  std::unique_ptr<Datapath> datapath_;
  std::unique_ptr<LabNode> node_;
};

TEST_P(LiveDatapath, DropsEverythingBeforeTheEndpointIsApplied) {
  AttachPods();
  EXPECT_FALSE(Connects(true, kRefusedMs));
  EXPECT_FALSE(Connects(false, kRefusedMs));
}

TEST_P(LiveDatapath, ConnectsPodsOfOneNodeInBothFamilies) {
  AttachPods();
  Apply(node_->OpenState());
  EXPECT_TRUE(Connects(true));
  EXPECT_TRUE(Connects(false));
  for (const char* key : {"a/eth0", "b/eth0"}) {
    EXPECT_TRUE(datapath_->CheckEndpoint(key).ok()) << datapath_->CheckEndpoint(key);
  }
}

TEST_P(LiveDatapath, TheNodeReachesItsOwnPods) {
  AttachPods();
  Apply(Restricted({}));
  UniqueFd listener = ListenTcp(node_->pod("b").netns.get(), Address("b", true), kPort);
  EXPECT_TRUE(ConnectTcp(-1, Address("b", true), kPort).valid());
}

TEST_P(LiveDatapath, PolicyAdmitsAndRefusesByPeer) {
  AttachPods();
  Apply(Restricted({}));
  EXPECT_FALSE(Connects(true, kRefusedMs));
  EXPECT_FALSE(Connects(false, kRefusedMs));
  Apply(Restricted({IpPrefix::Host(Address("a", true))}));
  EXPECT_TRUE(Connects(true));
  EXPECT_FALSE(Connects(false, kRefusedMs));
}

TEST_P(LiveDatapath, AConnectionThatIsNoLongerAdmittedEndsWithItsNextPacket) {
  AttachPods();
  Apply(Restricted({IpPrefix::Host(Address("a", true))}));
  UniqueFd listener = ListenTcp(node_->pod("b").netns.get(), Address("b", true), kPort);
  UniqueFd client = ConnectTcp(node_->pod("a").netns.get(), Address("b", true), kPort);
  ASSERT_TRUE(client.valid());
  UniqueFd server = AcceptTcp(listener.get());
  ASSERT_EQ(send(client.get(), "one", 3, 0), 3);
  EXPECT_EQ(Receive(server.get()), "one");
  Apply(Restricted({}));
  ASSERT_EQ(send(client.get(), "two", 3, 0), 3);
  EXPECT_EQ(Receive(server.get(), kRefusedMs), "");
}

TEST_P(LiveDatapath, ConnectionsAreReadInStepsOfAnySize) {
  AttachPods();
  Apply(WithService(true));
  const UniqueFd listener = ListenTcp(node_->pod("b").netns.get(), Address("b", true), kPort);
  std::vector<UniqueFd> clients;
  for (const bool through_service : {false, true, false}) {
    clients.push_back(ConnectTcp(node_->pod("a").netns.get(),
                                 through_service ? ServiceAddress(true) : Address("b", true),
                                 through_service ? 80 : kPort));
    ASSERT_TRUE(clients.back().valid());
  }
  auto read = [&](uint32_t step) {
    std::vector<std::string> found;
    uint32_t place = 0;
    do {
      auto next = datapath_->ReadConnections(place, step, [&](const Connection& connection) {
        if (connection.client != Address("a", true) || connection.protocol != IPPROTO_TCP) return;
        found.push_back(absl::StrCat(connection.client_port, " to ", connection.server.ToString(), " ",
                                     connection.translated ? connection.translated_server.ToString() : "-",
                                     " ", connection.service));
      });
      EXPECT_TRUE(next.ok()) << next.status();
      place = next.value_or(0);
    } while (place != 0);
    return found;
  };
  const std::vector<std::string> all = read(options_.max_connections);
  ASSERT_EQ(all.size(), clients.size());
  EXPECT_THAT(all, Contains(HasSubstr("10.96.0.10 " + Address("b", true).ToString() + " test/web")));
  for (const uint32_t step : {1u, 2u, 3u}) EXPECT_EQ(read(step), all) << "in steps of " << step;
}

TEST_P(LiveDatapath, ARestartLosesNoConnectionAndNoPolicy) {
  AttachPods();
  const DesiredState state = Restricted({IpPrefix::Host(Address("a", true))});
  Apply(state);
  UniqueFd listener = ListenTcp(node_->pod("b").netns.get(), Address("b", true), kPort);
  UniqueFd client = ConnectTcp(node_->pod("a").netns.get(), Address("b", true), kPort);
  ASSERT_TRUE(client.valid());
  UniqueFd server = AcceptTcp(listener.get());
  auto exchange = [&](const std::string& text) {
    return send(client.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()) &&
           Receive(server.get()) == text;
  };
  ASSERT_TRUE(exchange("before"));
  const std::vector<SetState> sets = datapath_->Sets();
  datapath_.reset();
  EXPECT_TRUE(exchange("without an agent"));
  Open();
  EXPECT_TRUE(exchange("loaded"));
  AttachPods();
  const ApplyReport report = Apply(state, true);
  EXPECT_TRUE(exchange("applied"));
  EXPECT_EQ(report.writes, 0u) << "what a predecessor wrote is adopted";
  EXPECT_EQ(report.repaired, 0u);
  ASSERT_EQ(datapath_->Sets().size(), sets.size());
  EXPECT_EQ(datapath_->Sets()[0].generation, sets[0].generation);
  EXPECT_EQ(datapath_->Sets()[0].epoch, sets[0].epoch);
  EXPECT_FALSE(Connects(false, kRefusedMs));
}

// Programs that run on a pod's device, by the way in which they are attached.
std::vector<std::string> HooksOf(const Datapath& datapath, const std::string& device) {
  std::vector<std::string> hooks;
  for (const AttachedProgram& program : datapath.Programs()) {
    if (program.hook.find(device) != std::string::npos) hooks.push_back(program.hook);
  }
  return hooks;
}

TEST_P(LiveDatapath, TakesPodsOverThatAPredecessorAttachedByTcxLinks) {
  if (GetParam() || !HasTcx()) GTEST_SKIP() << "such a predecessor needs tcx";
  AttachPods();
  const DesiredState state = Restricted({IpPrefix::Host(Address("a", true))});
  Apply(state);
  const auto links = TcxStrategy(options_.pin_dir + "/links");
  const auto filters = ClsactStrategy();
  std::vector<DeviceHook> hooks;
  for (const char* pod : {"a", "b"}) {
    const uint32_t ifindex = node_->pod(pod).endpoint.ifindex;
    hooks.push_back({ifindex, true, "pod_egress_entry"});
    hooks.push_back({ifindex, false, "pod_ingress_entry"});
  }
  for (const DeviceHook& hook : hooks) {
    const auto held = filters->Query(hook.ifindex, hook.ingress);
    ASSERT_TRUE(held.ok() && held->size() == 1) << held.status();
    const UniqueFd program(bpf_prog_get_fd_by_id(held->front().program_id));
    ASSERT_TRUE(links->Attach(hook, program.get()).ok());
    ASSERT_TRUE(filters->Detach(hook).ok());
  }
  UniqueFd listener = ListenTcp(node_->pod("b").netns.get(), Address("b", true), kPort);
  UniqueFd client = ConnectTcp(node_->pod("a").netns.get(), Address("b", true), kPort);
  ASSERT_TRUE(client.valid());
  UniqueFd server = AcceptTcp(listener.get());

  Open();
  ASSERT_EQ(send(client.get(), "still", 5, 0), 5);
  EXPECT_EQ(Receive(server.get()), "still");
  EXPECT_FALSE(Connects(false, kRefusedMs)) << "policy holds";
  EXPECT_THAT(HooksOf(*datapath_, "flpa"), ElementsAre("clsact ingress of flpa", "clsact egress of flpa"));
  for (const DeviceHook& hook : hooks) {
    const auto left = links->Leftovers({hook.program});
    ASSERT_TRUE(left.ok()) << left.status();
    EXPECT_TRUE(left->empty() || left->front().program.find("pod_") != 0);
  }
}

TEST_P(LiveDatapath, TheConnectionTableAloneSaysWhatAllMapsSay) {
  AttachPods();
  Apply(node_->OpenState());
  ASSERT_TRUE(Connects(true));
  const MapUsage table = datapath_->ConnectionTable();
  EXPECT_GE(table.entries, 1u);
  bool found = false;
  for (const MapUsage& map : datapath_->Maps()) {
    if (map.name != table.name) continue;
    found = true;
    EXPECT_EQ(map.entries, table.entries);
    EXPECT_EQ(map.capacity, table.capacity);
    EXPECT_EQ(map.bytes, table.bytes);
  }
  EXPECT_TRUE(found);
}

TEST_P(LiveDatapath, APodThatIsGoneLeavesTheMapsBeforeTheSourcesHaveToldEverything) {
  AttachPods();
  DesiredState state = node_->OpenState();
  state.complete = false;
  Apply(state);
  const auto endpoints = [&] {
    for (const MapUsage& map : datapath_->Maps()) {
      if (map.name == "endpoint") return map.entries;
    }
    return uint64_t{0};
  };
  ASSERT_EQ(endpoints(), 2u);
  datapath_.reset();
  Open();  // of a predecessor
  state.endpoints.erase("b/eth0");
  Apply(state);
  EXPECT_EQ(endpoints(), 2u) << "nobody has said that it is gone";
  ASSERT_TRUE(datapath_->DetachPod(node_->pod("b").endpoint.ifindex).ok());
  EXPECT_EQ(endpoints(), 1u);
  ASSERT_TRUE(datapath_->DetachPod(node_->pod("b").endpoint.ifindex).ok()) << "twice is no error";
  EXPECT_FALSE(Connects(true, kRefusedMs));
}

TEST_P(LiveDatapath, TheMarkLivesAsLongAsTheMaps) {
  EXPECT_EQ(datapath_->Mark(), "");
  EXPECT_FALSE(datapath_->SetMark(std::string(kMaxMarkSize + 1, 'x')).ok());
  ASSERT_TRUE(datapath_->SetMark("first, and longer").ok());
  ASSERT_TRUE(datapath_->SetMark("state 7").ok());
  EXPECT_EQ(datapath_->Mark(), "state 7");
  datapath_.reset();
  Open();
  EXPECT_EQ(datapath_->Mark(), "state 7");
  datapath_.reset();
  ASSERT_TRUE(RemoveAll(options_).ok());
  Open();
  EXPECT_EQ(datapath_->Mark(), "");
}

TEST_P(LiveDatapath, RefusesASecondOwnerByName) {
  auto second = Datapath::Open(options_);
  ASSERT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(std::to_string(getpid())));
}

TEST_P(LiveDatapath, EventsNameThePodsAndTheRule) {
  AttachPods();
  Apply(Restricted({}));
  EXPECT_FALSE(Connects(true, kRefusedMs));
  std::vector<FlowEvent> events;
  datapath_->ReadEvents(1000, [&](const FlowEvent& event) { events.push_back(event); });
  bool found = false;
  for (const FlowEvent& event : events) {
    if (!event.dropped || event.reason != "denied by ingress policy") continue;
    found = true;
    EXPECT_EQ(event.source_pod, "test/a");
    EXPECT_EQ(event.destination_pod, "test/b");
    ASSERT_TRUE(event.rule.has_value());
    EXPECT_EQ(event.rule->place, "default deny");
  }
  EXPECT_TRUE(found) << events.size() << " events";
}

TEST_P(LiveDatapath, ExplainsWhyAPacketIsRefused) {
  AttachPods();
  Apply(Restricted({}));
  for (const bool v4 : {true, false}) {
    auto answer = datapath_->Explain(
        {.source = Address("a", v4), .destination = Address("b", v4), .destination_port = kPort});
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_FALSE(answer->allowed);
    EXPECT_EQ(answer->reason, "denied by ingress policy");
    ASSERT_TRUE(answer->origin.has_value());
    EXPECT_EQ(answer->origin->place, "default deny");
    EXPECT_EQ(answer->stages.back().name, "ingress policy");
    EXPECT_THAT(answer->stages.back().detail, HasSubstr("isolated by test/allow"));
  }
}

TEST_P(LiveDatapath, ExplainingTouchesNoState) {
  AttachPods();
  Apply(Restricted({}));
  const ExplainRequest refused{
      .source = Address("a", true), .destination = Address("b", true), .destination_port = kPort};
  ASSERT_TRUE(datapath_->Explain(refused).ok());
  for (const ReasonCount& drop : datapath_->Drops()) EXPECT_NE(drop.name, "denied by ingress policy");
  Apply(Restricted({IpPrefix::Host(Address("a", true))}));
  auto answer = datapath_->Explain(
      {.source = Address("a", true), .destination = Address("b", true), .destination_port = kPort});
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_TRUE(answer->allowed) << answer->reason;
  ASSERT_TRUE(answer->origin.has_value());
  EXPECT_EQ(answer->origin->place, "spec.ingress[0]");
  EXPECT_EQ(answer->stages.back().detail, "to pod test/b on this node");
  int connections = 0;
  EXPECT_TRUE(
      datapath_->ReadConnections(0, options_.max_connections, [&](const Connection&) { ++connections; })
          .ok());
  EXPECT_EQ(connections, 0);
}

TEST_P(LiveDatapath, ExplainsPathsFromTheNodeAndFromOutside) {
  AttachPods();
  Apply(Restricted({}));
  auto own = datapath_->Explain({.source = *IpAddress::Parse("192.168.50.1"),
                                 .destination = Address("b", true),
                                 .destination_port = kPort});
  ASSERT_TRUE(own.ok()) << own.status();
  EXPECT_TRUE(own->allowed) << own->reason;
  auto outside = datapath_->Explain({.source = *IpAddress::Parse("192.168.50.2"),
                                     .destination = Address("b", true),
                                     .destination_port = kPort});
  ASSERT_TRUE(outside.ok()) << outside.status();
  EXPECT_FALSE(outside->allowed);
}

TEST_P(LiveDatapath, AServiceLeadsToItsBackendFromPodsTheNodeAndOutside) {
  AttachPods();
  Apply(WithService(true));
  for (const bool v4 : {true, false}) {
    const IpAddress node = *IpAddress::Parse(v4 ? "192.168.50.1" : "fd00:50::1");
    EXPECT_EQ(Exchange(node_->pod("a").netns.get(), ServiceAddress(v4), 80, v4), "pong")
        << "from a pod, IPv4 " << v4;
    EXPECT_EQ(Exchange(-1, ServiceAddress(v4), 80, v4), "pong") << "from the node, IPv4 " << v4;
    EXPECT_EQ(Exchange(node_->outside(), node, 30080, v4), "pong") << "from outside, IPv4 " << v4;
    EXPECT_EQ(Exchange(node_->pod("b").netns.get(), ServiceAddress(v4), 80, v4), "pong")
        << "hairpin, IPv4 " << v4;
  }
}

TEST_P(LiveDatapath, APodsSocketIsBalancedWhenThatIsOn) {
  AttachPods();
  DesiredState state = WithService(true);
  state.settings.socket_balancing = true;
  Apply(state);
  for (const bool v4 : {true, false}) {
    EXPECT_EQ(Exchange(node_->pod("a").netns.get(), ServiceAddress(v4), 80, v4), "pong") << "IPv4 " << v4;
  }
}

TEST_P(LiveDatapath, AServiceWithoutEndpointsIsRefusedAtOnce) {
  AttachPods();
  Apply(WithService(false));
  for (const bool v4 : {true, false}) {
    for (const int netns : {node_->pod("a").netns.get(), -1}) {
      EXPECT_FALSE(ConnectTcp(netns, ServiceAddress(v4), 80).valid());
      EXPECT_EQ(errno, ECONNREFUSED) << "not a lapse of time";
    }
  }
}

TEST_P(LiveDatapath, AConnectionToABackendThatIsRemovedEnds) {
  AttachPods();
  Apply(WithService(true));
  UniqueFd listener = ListenTcp(node_->pod("b").netns.get(), Address("b", true), kPort);
  UniqueFd client = ConnectTcp(node_->pod("a").netns.get(), ServiceAddress(true), 80);
  ASSERT_TRUE(client.valid());
  UniqueFd server = AcceptTcp(listener.get());
  Apply(WithService(false));
  send(client.get(), "late", 4, 0);
  EXPECT_EQ(Receive(server.get(), kRefusedMs), "");
}

TEST_P(LiveDatapath, ExplainsAServiceByItsName) {
  AttachPods();
  Apply(WithService(true));
  auto answer = datapath_->Explain(
      {.source = Address("a", true), .destination = ServiceAddress(true), .destination_port = 80});
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_TRUE(answer->allowed) << answer->reason;
  EXPECT_EQ(answer->destination, Address("b", true));
  EXPECT_EQ(answer->destination_port, kPort);
  bool found = false;
  for (const ExplainStage& stage : answer->stages) {
    if (stage.name != "service") continue;
    found = true;
    EXPECT_THAT(stage.detail, HasSubstr("test/web"));
    EXPECT_THAT(stage.detail, HasSubstr("10.244.1.2:8080"));
  }
  EXPECT_TRUE(found);
}

TEST_P(LiveDatapath, EveryAttachedProgramIsOurs) {
  AttachPods();
  Apply(node_->OpenState());
  int on_pods = 0;
  for (const AttachedProgram& program : datapath_->Programs()) {
    EXPECT_TRUE(program.ours) << program.hook << " " << program.program;
    if (program.hook.find("flp") != std::string::npos) ++on_pods;
  }
  EXPECT_EQ(on_pods, 4);
}

TEST_P(LiveDatapath, WhatSomebodyTakesOffIsNamedAndPutBack) {
  AttachPods();
  const DesiredState state = Restricted({});
  Apply(state);
  ASSERT_THAT(Foreign(), IsEmpty());
  const std::string links = options_.pin_dir + "/links/";
  const DeviceHook of_pod = {node_->pod("b").endpoint.ifindex, false, "pod_ingress_entry"};
  const DeviceHook of_node = {if_nametoindex("uplink"), true, "node_ingress_entry"};
  const bool tcx = !GetParam() && HasTcx();
  ASSERT_TRUE(ClsactStrategy()->Detach(of_pod).ok());
  if (tcx) {
    const std::string link = absl::StrCat(links, of_node.program, "-", of_node.ifindex);
    ASSERT_EQ(bpf_link_detach(UniqueFd(bpf_obj_get(link.c_str())).get()), 0);
  } else {
    ASSERT_TRUE(ClsactStrategy()->Detach(of_node).ok());
  }
  const UniqueFd socket_link(bpf_obj_get((links + "socket_connect4-cgroup").c_str()));
  ASSERT_EQ(bpf_link_detach(socket_link.get()), 0);
  ASSERT_EQ(unlink((links + "socket_connect6-cgroup").c_str()), 0);
  const std::string stages = absl::StrCat(options_.pin_dir, "/", BpfObject::PinName("stage_program"));
  const uint32_t stage = FL_STAGE_POD_EGRESS;
  ASSERT_EQ(bpf_map_delete_elem(UniqueFd(bpf_obj_get(stages.c_str())).get(), &stage), 0);

  const std::string node_hook = absl::StrCat(tcx ? "tcx" : "clsact", " ingress of uplink");
  EXPECT_THAT(Foreign(), UnorderedElementsAre("clsact egress of flpb", node_hook, "cgroup socket_connect4",
                                              "cgroup socket_connect6", "stage pod-egress"));
  EXPECT_EQ(Apply(state, /*verify=*/true).repaired, 5u);
  EXPECT_THAT(Foreign(), IsEmpty());
  EXPECT_FALSE(Connects(true, kRefusedMs)) << "policy holds";
}

// As after a change of version: the maps of policy have other names, so they are not found.
TEST_P(LiveDatapath, ProgramsGoOnWithTheirOwnMapsUntilThoseOfAnotherLayoutAreFilled) {
  AttachPods();
  const DesiredState state = Restricted({IpPrefix::Host(Address("a", true))});
  Apply(state);
  ASSERT_TRUE(Connects(true));
  ASSERT_FALSE(Connects(false, kRefusedMs));
  datapath_.reset();
  std::vector<std::string> others;
  for (const char* map : {"class_by_address", "class_by_prefix", "policy_generation", "policy_rule",
                          "policy_set", "row_by_class", "row_by_port", "row_word"}) {
    others.push_back(absl::StrCat(options_.pin_dir, "/", map, "_v999"));
    const std::string pin = absl::StrCat(options_.pin_dir, "/", BpfObject::PinName(map));
    ASSERT_EQ(rename(pin.c_str(), others.back().c_str()), 0) << pin;
  }

  // Twice: one that is killed before it has filled its maps leaves them pinned.
  for (int i = 0; i < 2; ++i) {
    Open();
    EXPECT_TRUE(Connects(true)) << "nothing is filled yet, opened " << i + 1 << " times";
    EXPECT_FALSE(Connects(false, kRefusedMs));
    DesiredState incomplete = state;
    incomplete.complete = false;
    incomplete.endpoints.clear();
    Apply(incomplete, /*verify=*/true);
    EXPECT_TRUE(Connects(true)) << "not everything is known yet, opened " << i + 1 << " times";
    EXPECT_FALSE(Connects(false, kRefusedMs));
  }
  EXPECT_THAT(Foreign(), Contains("stage pod-ingress")) << "status says that a predecessor's programs run";

  Apply(state);
  EXPECT_TRUE(Connects(true));
  EXPECT_FALSE(Connects(false, kRefusedMs));
  EXPECT_THAT(Foreign(), IsEmpty());
  for (const std::string& pin : others) EXPECT_NE(access(pin.c_str(), F_OK), 0) << pin << " is still there";
}

INSTANTIATE_TEST_SUITE_P(, LiveDatapath, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "clsact" : "tcx"; });

}  // namespace
}  // namespace fairlead::datapath
