// Services as packets see them.
#include <set>

#include "tests/packets/packet_fixture.h"

namespace fairlead::packets {
namespace {

constexpr uint8_t kTcp = 6, kUdp = 17, kSctp = 132;

uint16_t Net(uint16_t port) {
  return __builtin_bswap16(port);
}

class ServiceTest : public PacketTest {
 protected:
  struct Backend {
    IpAddress address;
    uint16_t port;
  };

  IpAddress vip() const { return Address(ipv6() ? "fd00:10:96::50" : "10.96.0.50"); }
  IpAddress any() const { return Address(ipv6() ? "::" : "0.0.0.0"); }

  // A front end whose backends have the indices 1, 2, ... ; one a test.
  void Serve(const IpAddress& address, uint16_t port, uint8_t protocol, const std::vector<Backend>& backends,
             uint32_t flags = 0, uint32_t affinity_seconds = 0) {
    for (uint32_t i = 0; i < backends.size(); ++i) {
      fl_backend backend{};
      backend.address = Abi(backends[i].address);
      backend.port = Net(backends[i].port);
      backend.generation = 5;
      uint32_t index = i + 1;
      world.Put("backend", index, backend);
      world.Put("backend_id", i, index);
    }
    fl_frontend_key key{Abi(address), Net(port), protocol, 0};
    fl_frontend frontend{};
    frontend.count = backends.size();
    frontend.flags = flags;
    frontend.affinity_seconds = affinity_seconds;
    frontend.service = 9;
    world.Put("frontend", key, frontend);
    world.compare_frames = backends.size() < 2;
  }

  void Remove(uint32_t index) {
    fl_backend backend{};
    world.Lookup("backend", &index, &backend);
    ++backend.generation;
    world.Put("backend", index, backend);
  }

  Bytes InPod(const Pod& pod, const Packet& packet) {
    return (Packet(Ethernet{pod.host_mac, pod.mac}) / packet).Build();
  }
};
PACKET_TEST_BOTH_FAMILIES(ServiceTest);

TEST_P(ServiceTest, TranslatesThereAndBack) {
  for (uint8_t protocol : {kTcp, kUdp, kSctp}) {
    Serve(vip(), 80, protocol, {{b(), 8080}});
    auto transport = [&](uint16_t source, uint16_t destination, bool first) -> Packet {
      if (protocol == kTcp)
        return Packet(Tcp{source, destination, static_cast<uint8_t>(first ? kSyn : kSyn | kAck)}) /
               Payload("x");
      if (protocol == kUdp) return Packet(Udp{source, destination}) / Payload("hello");
      return Packet(Sctp{source, destination, static_cast<uint8_t>(first ? 1 : 2)}) / Payload("abcd");
    };
    Outcome there = world.FromPod(world.a(), Packet(Ip{a(), vip()}) / transport(1234, 80, true));
    ASSERT_TRUE(DeliveredTo(world.b(), there)) << int(protocol);
    EXPECT_EQ(Dump(there.frame), Dump(InPod(world.b(), Packet(Ip{a(), b()}) / transport(1234, 8080, true))));
    ASSERT_EQ(there.events.size(), 1);
    EXPECT_EQ(FromAbi(there.events[0].destination), b());
    EXPECT_EQ(FromAbi(there.events[0].service), vip());
    EXPECT_EQ(there.events[0].service_port, Net(80));
    Outcome back = world.FromPod(world.b(), Packet(Ip{b(), a()}) / transport(8080, 1234, false));
    ASSERT_TRUE(DeliveredTo(world.a(), back));
    EXPECT_EQ(Dump(back.frame), Dump(InPod(world.a(), Packet(Ip{vip(), a()}) / transport(80, 1234, false))));
  }
}

TEST_P(ServiceTest, AChecksumOfZeroMeansNone) {
  if (ipv6()) return;
  Serve(vip(), 53, kUdp, {{b(), 5353}});
  Outcome there = world.FromPod(world.a(), Ip{a(), vip()} / Udp{1234, 53, false});
  EXPECT_EQ(there.frame, InPod(world.b(), Ip{a(), b()} / Udp{1234, 5353, false}));
}

TEST_P(ServiceTest, SpreadsNewConnectionsAndKeepsLiveOnes) {
  Serve(vip(), 80, kTcp, {{b(), 1}, {b(), 2}, {b(), 3}, {remote(), 4}});
  std::set<uint16_t> seen;
  for (uint16_t port = 1000; port < 1100; ++port) {
    Outcome first = world.FromPod(world.a(), Ip{a(), vip()} / Tcp{port, 80});
    ASSERT_TRUE(WentOn(first));
    uint16_t chosen = first.events.at(0).destination_port;
    seen.insert(chosen);
    Outcome second = world.FromPod(world.a(), Ip{a(), vip()} / Tcp{port, 80, kAck});
    ASSERT_TRUE(WentOn(second));
    EXPECT_TRUE(second.events.empty());
    size_t at = ipv6() ? 56 : 36;
    EXPECT_EQ(second.frame[at] | second.frame[at + 1] << 8, chosen);
  }
  EXPECT_EQ(seen.size(), 4);
}

TEST_P(ServiceTest, WithAffinityAClientKeepsItsBackendWhileItLives) {
  fl_ct_table table = world.Table();
  table.hz = 1000;
  world.SetTable(table);
  Serve(vip(), 80, kTcp, {{b(), 1}, {b(), 2}, {b(), 3}, {b(), 4}}, 0, 60);
  std::set<uint16_t> seen;
  for (uint16_t port = 1000; port < 1030; ++port)
    seen.insert(world.FromPod(world.a(), Ip{a(), vip()} / Tcp{port, 80}).events.at(0).destination_port);
  ASSERT_EQ(seen.size(), 1);
  uint16_t kept = *seen.begin();
  Remove(Net(kept));
  // The range without it.
  for (uint32_t i = 0, next = 1; i < 4; ++i, ++next) {
    if (next == Net(kept)) next = next % 4 + 1;
    world.Put("backend_id", i, next);
  }
  EXPECT_NE(world.FromPod(world.a(), Ip{a(), vip()} / Tcp{2000, 80}).events.at(0).destination_port, kept);
}

TEST_P(ServiceTest, AffinityHoldsBeforeTheLengthOfAJiffyIsKnown) {
  fl_ct_table table = world.Table();
  table.hz = 0;
  world.SetTable(table);
  Serve(vip(), 80, kTcp, {{b(), 1}, {b(), 2}, {b(), 3}, {b(), 4}}, 0, 60);
  std::set<uint16_t> seen;
  for (uint16_t port = 1000; port < 1030; ++port)
    seen.insert(world.FromPod(world.a(), Ip{a(), vip()} / Tcp{port, 80}).events.at(0).destination_port);
  EXPECT_EQ(seen.size(), 1);
}

TEST_P(ServiceTest, WithoutEndpointsTcpIsReset) {
  Serve(vip(), 80, kTcp, {});
  Outcome outcome = world.FromPod(
      world.a(), Ip{a(), vip()} / Tcp{.source_port = 1234, .destination_port = 80, .sequence = 100});
  ASSERT_TRUE(AnsweredFor(FL_REASON_NO_ENDPOINTS, outcome));
  // ports 80 -> 1234, RST|ACK of 101
  size_t l4 = ipv6() ? 54 : 34;
  EXPECT_EQ(outcome.frame[l4 + 13], kRst | kAck);
  EXPECT_EQ(outcome.frame[l4 + 11], 101);
  EXPECT_EQ(outcome.frame[l4 + 1], 80);
  EXPECT_EQ(outcome.frame.size(), l4 + 20);
  EXPECT_EQ(Bytes(outcome.frame.begin(), outcome.frame.begin() + 6),
            Bytes(world.a().mac.begin(), world.a().mac.end()));
  EXPECT_EQ(world.TupleCount(), 0);
}

TEST_P(ServiceTest, WithoutEndpointsUdpGetsPortUnreachable) {
  Serve(vip(), 53, kUdp, {});
  Packet request = Ip{a(), vip()} / Udp{1234, 53} / Payload(16);
  Outcome outcome = world.FromPod(world.a(), request);
  ASSERT_TRUE(AnsweredFor(FL_REASON_NO_ENDPOINTS, outcome));
  Packet expected = Ip{vip(), a()} / IcmpError{.type_v4 = 3,
                                               .type_v6 = 1,
                                               .code = static_cast<uint8_t>(ipv6() ? 4 : 3),
                                               .quoted = request.Build()};
  EXPECT_EQ(Dump(outcome.frame), Dump(InPod(world.a(), expected)));
}

// Addresses of the Services' ranges that no front end has.
class UnservedTest : public ServiceTest {
 protected:
  void SetUp() override {
    ServiceTest::SetUp();
    const IpPrefix range = *IpPrefix::Parse(ipv6() ? "fd00:10:96::/112" : "10.96.0.0/16");
    world.Put("pod_range", fl_address_prefix{static_cast<uint32_t>(range.length128()), Abi(range.address())},
              fl_pod_range{0, FL_RANGE_SERVICE});
  }
};
PACKET_TEST_BOTH_FAMILIES(UnservedTest);

TEST_P(UnservedTest, TcpIsReset) {
  Outcome outcome = world.FromPod(world.a(), Ip{a(), vip()} / Tcp{1234, 80});
  ASSERT_TRUE(AnsweredFor(FL_REASON_NO_SUCH_SERVICE, outcome));
  EXPECT_EQ(outcome.frame[(ipv6() ? 54 : 34) + 13], kRst | kAck);
  EXPECT_EQ(world.TupleCount(), 0);
}

TEST_P(UnservedTest, EverythingElseGetsPortUnreachable) {
  for (const Packet& request :
       {Ip{a(), vip()} / Udp{1234, 53} / Payload(16), Ip{a(), vip()} / Echo{.id = 7} / Payload(16)}) {
    Outcome outcome = world.FromPod(world.a(), request);
    ASSERT_TRUE(AnsweredFor(FL_REASON_NO_SUCH_SERVICE, outcome));
    Packet expected = Ip{vip(), a()} / IcmpError{.type_v4 = 3,
                                                 .type_v6 = 1,
                                                 .code = static_cast<uint8_t>(ipv6() ? 4 : 3),
                                                 .quoted = request.Build()};
    EXPECT_EQ(Dump(outcome.frame), Dump(InPod(world.a(), expected)));
  }
}

TEST_P(UnservedTest, APortThatTheServiceLacksIsRefusedAndThoseThatItHasAreServed) {
  Serve(vip(), 80, kTcp, {{b(), 8080}});
  EXPECT_TRUE(DeliveredTo(world.b(), world.FromPod(world.a(), Ip{a(), vip()} / Tcp{1234, 80})));
  EXPECT_TRUE(
      AnsweredFor(FL_REASON_NO_SUCH_SERVICE, world.FromPod(world.a(), Ip{a(), vip()} / Tcp{1234, 81})));
  EXPECT_TRUE(
      AnsweredFor(FL_REASON_NO_SUCH_SERVICE, world.FromPod(world.a(), Ip{a(), vip()} / Udp{1234, 80})));
}

TEST_P(UnservedTest, TheOutsideIsRefusedThereInsteadOfBeingSentRoundInCircles) {
  Serve(vip(), 80, kTcp, {{b(), 8080}});
  EXPECT_TRUE(AnsweredFor(FL_REASON_NO_SUCH_SERVICE, world.FromNode(Ip{outside(), vip()} / Tcp{1234, 80})));
}

TEST_P(UnservedTest, ItIsNotAPodsAddress) {
  EXPECT_TRUE(DeliveredTo(world.a(), world.FromNode(Ip{vip(), a()} / Tcp{1234, 80})));
}

TEST_P(ServiceTest, APodReachesItselfThroughItsService) {
  Serve(vip(), 80, kTcp, {{a(), 8080}});
  Outcome there = world.FromPod(world.a(), Ip{a(), vip()} / Tcp{1234, 80});
  ASSERT_TRUE(DeliveredTo(world.a(), there));
  uint16_t port = there.frame[ipv6() ? 54 : 34] << 8 | there.frame[ipv6() ? 55 : 35];
  EXPECT_GE(port, 60000);
  EXPECT_EQ(Dump(there.frame), Dump(InPod(world.a(), Ip{node(), a()} / Tcp{port, 8080})));
  Outcome back = world.FromPod(world.a(), Ip{a(), node()} / Tcp{8080, port, kSyn | kAck});
  ASSERT_TRUE(DeliveredTo(world.a(), back));
  EXPECT_EQ(Dump(back.frame), Dump(InPod(world.a(), Ip{vip(), a()} / Tcp{80, 1234, kSyn | kAck})));
}

TEST_P(ServiceTest, PolicyIsAskedAboutTheClientAndTheBackend) {
  policy::AddressGroup servers;
  servers.members = {IpPrefix::Host(b())};
  policy::Rule allow, deny;
  allow.peers = {"b"};
  allow.ports = {{policy::Protocol::kTcp, 8080, 8080}};
  deny.action = policy::Action::kDeny;
  deny.any_peer = deny.any_port = true;
  world.SetPolicy({{policy::Direction::kEgress, {allow, deny}}}, {{"b", servers}});
  world.Isolate(world.a(), 0, 1);
  Serve(vip(), 80, kTcp, {{b(), 8080}});
  EXPECT_TRUE(DeliveredTo(world.b(), world.FromPod(world.a(), Ip{a(), vip()} / Tcp{1234, 80})));
  Serve(vip(), 80, kTcp, {{b(), 8081}});
  EXPECT_TRUE(DroppedFor(FL_REASON_EGRESS_POLICY, world.FromPod(world.a(), Ip{a(), vip()} / Tcp{1235, 80})));
  EXPECT_EQ(world.TupleCount(), 2);
}

TEST_P(ServiceTest, WhenPolicyChangesItIsAskedAboutTheBackendAgain) {
  std::map<std::string, policy::AddressGroup> groups;
  groups["backend"].members = {IpPrefix::Host(b())};
  groups["service"].members = {IpPrefix::Host(vip())};
  policy::Rule to_backend, to_service, deny;
  to_backend.peers = {"backend"};
  to_backend.ports = {{policy::Protocol::kTcp, 8080, 8080}};
  to_service.peers = {"service"};
  to_service.ports = {{policy::Protocol::kTcp, 80, 80}};
  deny.action = policy::Action::kDeny;
  deny.any_peer = deny.any_port = true;
  world.SetPolicy({{policy::Direction::kEgress, {to_backend, deny}}}, groups);
  world.Isolate(world.a(), 0, 1);
  Serve(vip(), 80, kTcp, {{b(), 8080}});
  ASSERT_TRUE(WentOn(world.FromPod(world.a(), Ip{a(), vip()} / Tcp{1234, 80})));
  world.SetPolicy({{policy::Direction::kEgress, {to_backend, deny}}}, groups);
  EXPECT_TRUE(WentOn(world.FromPod(world.a(), Ip{a(), vip()} / Tcp{1234, 80, kAck})));
  world.SetPolicy({{policy::Direction::kEgress, {to_service, deny}}}, groups);
  EXPECT_TRUE(
      DroppedFor(FL_REASON_EGRESS_POLICY, world.FromPod(world.a(), Ip{a(), vip()} / Tcp{1234, 80, kAck})));
}

TEST_P(ServiceTest, ATcpConnectionEndsWithItsBackend) {
  Serve(vip(), 80, kTcp, {{b(), 8080}});
  ASSERT_TRUE(WentOn(world.FromPod(world.a(), Ip{a(), vip()} / Tcp{1234, 80})));
  Remove(1);
  EXPECT_TRUE(
      AnsweredFor(FL_REASON_BACKEND_GONE, world.FromPod(world.a(), Ip{a(), vip()} / Tcp{1234, 80, kAck})));
  EXPECT_EQ(world.TupleCount(), 0);
}

TEST_P(ServiceTest, DatagramsFindAnotherBackend) {
  Serve(vip(), 53, kUdp, {{b(), 1}, {b(), 2}});
  uint16_t first = world.FromPod(world.a(), Ip{a(), vip()} / Udp{1234, 53}).events.at(0).destination_port;
  Remove(Net(first));
  uint32_t zero = 0, left = 3 - Net(first);
  fl_frontend_key key{Abi(vip()), Net(53), kUdp, 0};
  fl_frontend frontend{};
  world.Lookup("frontend", &key, &frontend);
  frontend.count = 1;
  world.Put("backend_id", zero, left);
  world.Put("frontend", key, frontend);
  Outcome again = world.FromPod(world.a(), Ip{a(), vip()} / Udp{1234, 53});
  ASSERT_TRUE(DeliveredTo(world.b(), again));
  EXPECT_EQ(again.events.at(0).destination_port, Net(left));
  EXPECT_EQ(world.Connections().size(), 1);
}

TEST_P(ServiceTest, AClientPortThatTheServerKnowsBecomesAnother) {
  Serve(vip(), 80, kTcp, {{b(), 8080}});
  ASSERT_TRUE(WentOn(world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 8080})));
  Outcome there = world.FromPod(world.a(), Ip{a(), vip()} / Tcp{1234, 80});
  ASSERT_TRUE(DeliveredTo(world.b(), there));
  const size_t at = ipv6() ? 54 : 34;
  const auto port = static_cast<uint16_t>(there.frame[at] << 8 | there.frame[at + 1]);
  EXPECT_GE(port, world.config().snat_port_first);
  EXPECT_LE(port, world.config().snat_port_last);
  EXPECT_EQ(Dump(there.frame), Dump(InPod(world.b(), Ip{a(), b()} / Tcp{port, 8080})));
  EXPECT_EQ(world.TupleCount(), 3);
  Outcome back = world.FromPod(world.b(), Ip{b(), a()} / Tcp{8080, port, kSyn | kAck});
  ASSERT_TRUE(DeliveredTo(world.a(), back));
  EXPECT_EQ(Dump(back.frame), Dump(InPod(world.a(), Ip{vip(), a()} / Tcp{80, 1234, kSyn | kAck})));
  // The other connection is what it was.
  Outcome other = world.FromPod(world.b(), Ip{b(), a()} / Tcp{8080, 1234, kSyn | kAck});
  ASSERT_TRUE(DeliveredTo(world.a(), other));
  EXPECT_EQ(Dump(other.frame), Dump(InPod(world.a(), Ip{b(), a()} / Tcp{8080, 1234, kSyn | kAck})));
}

TEST_P(ServiceTest, BothTuplesOrNone) {
  fl_config config = world.config();
  config.snat_port_first = config.snat_port_last = 0;  // none to choose from
  world.SetConfig(config);
  Serve(vip(), 80, kTcp, {{b(), 8080}});
  ASSERT_TRUE(WentOn(world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 8080})));
  ASSERT_EQ(world.TupleCount(), 1);
  EXPECT_TRUE(DroppedFor(FL_REASON_CT_CONFLICT, world.FromPod(world.a(), Ip{a(), vip()} / Tcp{1234, 80})));
  EXPECT_EQ(world.TupleCount(), 1);
  EXPECT_EQ(world.Account(world.a()).connections, 1);
  EXPECT_EQ(world.Connections().size(), 1);
}

TEST_P(ServiceTest, AnIcmpErrorOfTheBackendIsTheServices) {
  Serve(vip(), 53, kUdp, {{b(), 5353}});
  Packet request = Ip{a(), vip()} / Udp{1234, 53} / Payload(16);
  Outcome there = world.FromPod(world.a(), request);
  ASSERT_TRUE(WentOn(there));
  Packet translated = Ip{a(), b()} / Udp{1234, 5353} / Payload(16);
  Outcome error = world.FromPod(world.b(), Ip{b(), a()} / IcmpError{.quoted = translated.Build()});
  ASSERT_TRUE(DeliveredTo(world.a(), error));
  EXPECT_EQ(Dump(error.frame), Dump(InPod(world.a(), Ip{vip(), a()} / IcmpError{.quoted = request.Build()})));
}

TEST_P(ServiceTest, AnIcmpErrorOfARouterKeepsItsSource) {
  Serve(vip(), 80, kTcp, {{remote(), 8080}});
  Packet request = Ip{a(), vip()} / Tcp{1234, 80};
  ASSERT_TRUE(WentOn(world.FromPod(world.a(), request)));
  IpAddress router = Address(ipv6() ? "fd00:172:31::1" : "172.31.0.1");
  Packet translated = Ip{a(), remote()} / Tcp{1234, 8080};
  Outcome error =
      world.FromNode(Ip{router, a()} / IcmpError{.type_v4 = 11, .type_v6 = 3, .quoted = translated.Build()});
  ASSERT_TRUE(DeliveredTo(world.a(), error));
  EXPECT_EQ(Dump(error.frame),
            Dump(InPod(world.a(),
                       Ip{router, a()} / IcmpError{.type_v4 = 11, .type_v6 = 3, .quoted = request.Build()})));
}

TEST_P(ServiceTest, ANodePortServedHereKeepsTheClientsAddress) {
  Serve(any(), 30080, kTcp, {{b(), 8080}}, FL_FRONTEND_NODE_PORT);
  Outcome there = world.FromNode(Ip{outside(), node()} / Tcp{1234, 30080});
  ASSERT_TRUE(DeliveredTo(world.b(), there));
  EXPECT_EQ(Dump(there.frame), Dump(InPod(world.b(), Ip{outside(), b()} / Tcp{1234, 8080})));
  Outcome back = world.FromPod(world.b(), Ip{b(), outside()} / Tcp{8080, 1234, kSyn | kAck});
  ASSERT_TRUE(WentOn(back));
  EXPECT_EQ(back.trace.hop, FL_HOP_OUTSIDE);
  EXPECT_EQ(FromAbi(back.trace.source), node());
  EXPECT_EQ(back.trace.source_port, Net(30080));
}

TEST_P(ServiceTest, ANodePortServedElsewhereComesBackThroughHere) {
  Serve(any(), 30080, kTcp, {{remote(), 8080}}, FL_FRONTEND_NODE_PORT);
  Outcome there = world.FromNode(Ip{outside(), node()} / Tcp{1234, 30080});
  ASSERT_TRUE(WentOn(there));
  EXPECT_EQ(there.trace.hop, FL_HOP_REMOTE_NODE);
  EXPECT_EQ(FromAbi(there.trace.source), node());
  EXPECT_EQ(FromAbi(there.trace.destination), remote());
  uint16_t port = Net(there.trace.source_port);
  EXPECT_GE(port, 60000);
  Outcome back = world.FromNode(Ip{remote(), node()} / Tcp{8080, port, kSyn | kAck});
  ASSERT_TRUE(WentOn(back));
  EXPECT_EQ(back.trace.hop, FL_HOP_OUTSIDE);
  EXPECT_EQ(FromAbi(back.trace.source), node());
  EXPECT_EQ(back.trace.source_port, Net(30080));
  EXPECT_EQ(FromAbi(back.trace.destination), outside());
  EXPECT_EQ(back.trace.destination_port, Net(1234));
}

TEST_P(ServiceTest, ANodePortIsJudgedAsItsClients) {
  policy::Rule deny;
  deny.action = policy::Action::kDeny;
  deny.any_peer = deny.any_port = true;
  world.SetPolicy({{policy::Direction::kIngress, {deny}}}, {});
  world.Isolate(world.b(), 1, 0);
  Serve(any(), 30080, kTcp, {{b(), 8080}}, FL_FRONTEND_NODE_PORT);
  EXPECT_TRUE(DroppedFor(FL_REASON_INGRESS_POLICY, world.FromNode(Ip{outside(), node()} / Tcp{1234, 30080})));
}

TEST_P(ServiceTest, TheOutsideDoesNotReachServiceAddresses) {
  Serve(vip(), 80, kTcp, {{b(), 8080}});
  EXPECT_EQ(world.FromNode(Ip{outside(), vip()} / Tcp{1234, 80}).action, kPass);
  EXPECT_EQ(world.TupleCount(), 0);
}

TEST_P(ServiceTest, APodReachesANodePortOfItsOwnNode) {
  Serve(any(), 30080, kTcp, {{b(), 8080}}, FL_FRONTEND_NODE_PORT);
  EXPECT_TRUE(DeliveredTo(world.b(), world.FromPod(world.a(), Ip{a(), node()} / Tcp{1234, 30080})));
}

TEST_P(ServiceTest, ABackendOfTheNodeItselfAnswersUnderTheServicesAddress) {
  Serve(vip(), 443, kTcp, {{node(), 6443}});
  Outcome there = world.FromPod(world.a(), Ip{a(), vip()} / Tcp{1234, 443});
  EXPECT_EQ(there.action, kPass);
  EXPECT_EQ(FromAbi(there.trace.destination), node());
  Outcome back = world.ToPod(world.a(), Ip{node(), a()} / Tcp{6443, 1234, kSyn | kAck}, {.own = true});
  EXPECT_EQ(back.action, kPass);
  EXPECT_EQ(Dump(back.frame),
            Dump((Packet(world.ToPod(world.a())) / Ip{vip(), a()} / Tcp{443, 1234, kSyn | kAck}).Build()));
}

TEST_P(ServiceTest, ANodePortServedByTheNodeItselfAnswersOnItsDevice) {
  Serve(any(), 30443, kTcp, {{node(), 6443}}, FL_FRONTEND_NODE_PORT);
  Outcome there = world.FromNode(Ip{outside(), node()} / Tcp{1234, 30443});
  EXPECT_EQ(there.action, kPass);
  Bytes reply = (Ethernet{} / Ip{node(), outside()} / Tcp{6443, 1234, kSyn | kAck}).Build();
  Outcome back = world.Run(FL_STAGE_NODE_EGRESS, reply, world.node_ifindex());
  EXPECT_EQ(back.action, kPass);
  EXPECT_EQ(Dump(back.frame),
            Dump((Ethernet{} / Ip{node(), outside()} / Tcp{30443, 1234, kSyn | kAck}).Build()));
}

TEST_P(ServiceTest, TheQuotaHoldsForTranslatedConnections) {
  Serve(vip(), 80, kUdp, {{b(), 8080}});
  for (int i = 0; i < FL_HALF_OPEN_QUOTA + 5; ++i)
    ASSERT_TRUE(WentOn(world.FromPod(world.a(), Ip{a(), vip()} / Udp{static_cast<uint16_t>(1000 + i), 80})));
  EXPECT_EQ(world.Account(world.a()).connections, FL_HALF_OPEN_QUOTA);
  EXPECT_EQ(world.TupleCount(), 2 * FL_HALF_OPEN_QUOTA);
}

}  // namespace
}  // namespace fairlead::packets
