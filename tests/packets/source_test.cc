// Who may claim to be whom.
#include "tests/packets/packet_fixture.h"

namespace fairlead::packets {
namespace {

using SourceTest = PacketTest;
PACKET_TEST_BOTH_FAMILIES(SourceTest);

TEST_P(SourceTest, APodMaySendFromItsOwnAddressOnly) {
  for (const IpAddress& claimed : {b(), remote(), outside(), node(), world.unused_pod(ipv6())})
    EXPECT_TRUE(
        DroppedFor(FL_REASON_SOURCE_ADDRESS, world.FromPod(world.a(), Ip{claimed, remote()} / Tcp{1234, 80})))
        << claimed.ToString();
}

TEST_P(SourceTest, APodMaySendFromItsOwnLinkLayerAddressOnly) {
  Packet packet = Ethernet{world.b().mac, world.a().host_mac} / Ip{a(), b()} / Tcp{1234, 80};
  EXPECT_TRUE(
      DroppedFor(FL_REASON_SOURCE_MAC, world.Run(FL_STAGE_POD_EGRESS, packet.Build(), world.a().ifindex)));
}

TEST_P(SourceTest, AConnectionOfAnotherPodDoesNotLendItsAddress) {
  ASSERT_TRUE(WentOn(world.FromPod(world.a(), Ip{a(), remote()} / Tcp{1234, 80})));
  EXPECT_TRUE(DroppedFor(FL_REASON_SOURCE_ADDRESS,
                         world.FromPod(world.b(), Ip{a(), remote()} / Tcp{1234, 80, kAck})));
  EXPECT_TRUE(DroppedFor(FL_REASON_SOURCE_ADDRESS,
                         world.FromPod(world.b(), Ip{remote(), a()} / Tcp{80, 1234, kSyn | kAck})));
  EXPECT_EQ(world.Connections().size(), 1);
}

TEST_P(SourceTest, BeforeItsPolicyIsThereAPodNeitherSendsNorReceives) {
  fl_endpoint e = world.endpoint(world.a());
  e.flags = 0;
  world.SetEndpoint(world.a(), e);
  EXPECT_TRUE(DroppedFor(FL_REASON_NOT_PROGRAMMED, world.FromPod(world.a(), Ip{a(), b()} / Tcp{1, 2})));
  EXPECT_TRUE(DroppedFor(FL_REASON_NOT_PROGRAMMED, world.FromPod(world.b(), Ip{b(), a()} / Tcp{1, 2})));
  EXPECT_TRUE(DroppedFor(FL_REASON_NOT_PROGRAMMED, world.FromNode(Ip{outside(), a()} / Tcp{1, 2})));
  EXPECT_TRUE(DroppedFor(FL_REASON_NOT_PROGRAMMED,
                         world.ToPod(world.a(), Ip{node(), a()} / Tcp{1, 2}, {.own = true})));
}

TEST_P(SourceTest, ADeviceThatNobodyKnowsDrops) {
  world.Erase("pod_device", &world.a().ifindex);
  EXPECT_TRUE(DroppedFor(FL_REASON_NOT_PROGRAMMED, world.FromPod(world.a(), Ip{a(), b()} / Tcp{1, 2})));
  EXPECT_TRUE(DroppedFor(FL_REASON_NOT_PROGRAMMED,
                         world.ToPod(world.a(), Ip{node(), a()} / Tcp{1, 2}, {.own = true})));
}

TEST_P(SourceTest, TheOutsideMayNotClaimAnAddressOfThisNodesPods) {
  for (const IpAddress& claimed : {b(), world.unused_pod(ipv6())}) {
    EXPECT_TRUE(DroppedFor(FL_REASON_SPOOFED_UNDERLAY, world.FromNode(Ip{claimed, a()} / Tcp{1, 2})));
    EXPECT_TRUE(DroppedFor(FL_REASON_SPOOFED_UNDERLAY, world.FromNode(Ip{claimed, node()} / Tcp{1, 2})));
  }
}

TEST_P(SourceTest, TheOutsideMayNotClaimWhatNobodyThereCanBe) {
  std::vector<std::string> addresses = ipv6() ? std::vector<std::string>{"::1", "::", "ff02::1", "fe80::1"}
                                              : std::vector<std::string>{"127.0.0.1", "0.0.0.0", "224.0.0.1",
                                                                         "255.255.255.255", "169.254.1.1"};
  addresses.push_back(node().ToString());
  for (const std::string& address : addresses) {
    const IpAddress claimed = Address(address);
    const Outcome whole = world.FromNode(Ip{claimed, a()} / Udp{1, 2});
    EXPECT_TRUE(DroppedFor(FL_REASON_IMPOSSIBLE_SOURCE, whole)) << address;
    const fl_trace_step& last = whole.trace.step[whole.trace.count - 1];
    EXPECT_EQ(last.kind, FL_TRACE_SOURCE) << "why names the stage that refuses";
    EXPECT_EQ(last.reason, FL_REASON_IMPOSSIBLE_SOURCE);
    Ip tail{claimed, a()};
    tail.fragment_offset = 1480;
    tail.protocol = 17;
    fl_config config = world.config();
    config.reassembly_ifindex = world.overlay_ifindex();
    world.SetConfig(config);
    EXPECT_TRUE(DroppedFor(FL_REASON_IMPOSSIBLE_SOURCE, world.FromNode(tail / Payload(8)))) << address;
    // To the node itself it is the stack's affair: it has uses for some of them.
    EXPECT_EQ(world.FromNode(Ip{claimed, node()} / Udp{1, 2}).action, kPass) << address;
  }
}

TEST_P(SourceTest, NorJoinAConnectionThatTheNodeHasWithAPod) {
  ASSERT_TRUE(WentOn(world.ToPod(world.a(), Ip{node(), a()} / Tcp{1234, 80}, {.own = true})));
  EXPECT_TRUE(DroppedFor(FL_REASON_IMPOSSIBLE_SOURCE, world.FromNode(Ip{node(), a()} / Tcp{1234, 80, kAck})));
}

TEST_P(SourceTest, WhatTheWireBringsForAnotherHostOrForAllIsTheStacks) {
  for (const MacAddress& to : {MacAddress{2, 0, 0, 0, 9, 9}, MacAddress{255, 255, 255, 255, 255, 255}}) {
    Packet packet = Ethernet{world.FromUnderlay().source, to} / Ip{outside(), a()} / Tcp{1, 2};
    EXPECT_EQ(world.Run(FL_STAGE_NODE_INGRESS, packet.Build(), world.node_ifindex()).action, kPass);
  }
  EXPECT_TRUE(world.Connections().empty());
}

TEST_P(SourceTest, WhoForgesIsNamedNotWhomItClaimsToBe) {
  auto culprit = [](const Outcome& outcome) {
    return outcome.events.size() == 1 ? outcome.events[0].source_endpoint : 0;
  };
  EXPECT_EQ(culprit(world.FromPod(world.a(), Ip{b(), remote()} / Tcp{1, 2})), world.a().index);
  Packet other_mac = Ethernet{world.b().mac, world.a().host_mac} / Ip{a(), b()} / Tcp{1, 2};
  EXPECT_EQ(culprit(world.Run(FL_STAGE_POD_EGRESS, other_mac.Build(), world.a().ifindex)), world.a().index);
  Bytes cut = (Packet(world.FromPod(world.a())) / Ip{a(), b()} / Tcp{1, 2}).Build();
  cut.resize(cut.size() - 4);
  EXPECT_EQ(culprit(world.Run(FL_STAGE_POD_EGRESS, cut, world.a().ifindex)), world.a().index);
  const IpAddress group = Address(ipv6() ? "ff02::fb" : "224.0.0.251");
  EXPECT_EQ(culprit(world.FromPod(world.a(), Ip{a(), group} / Udp{5353, 5353})), world.a().index);
}

TEST_P(SourceTest, TheOutsideMayNotJoinAConnectionOfAPod) {
  ASSERT_TRUE(WentOn(world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 80})));
  EXPECT_TRUE(DroppedFor(FL_REASON_SPOOFED_UNDERLAY, world.FromNode(Ip{a(), b()} / Tcp{1234, 80, kAck})));
}

TEST_P(SourceTest, WithAnOverlayRemotePodsComeThroughTheTunnelOnly) {
  fl_config config = world.config();
  config.flags |= FL_CONFIG_OVERLAY;
  world.SetConfig(config);
  EXPECT_TRUE(DroppedFor(FL_REASON_SPOOFED_OVERLAY, world.FromNode(Ip{remote(), a()} / Tcp{1, 2})));
}

TEST_P(SourceTest, TheTunnelsSourceMustOwnTheInnerOne) {
  auto run = [&](const IpAddress& outer, const IpAddress& inner) {
    Bytes frame = (Ethernet{} / Ip{inner, a()} / Tcp{1234, 80}).Build();
    return world.Run(FL_STAGE_OVERLAY_INGRESS, frame, world.overlay_ifindex(), {.outer_source = outer});
  };
  EXPECT_TRUE(DroppedFor(FL_REASON_SPOOFED_OVERLAY, run(Address("172.31.0.13"), remote())));
  EXPECT_TRUE(DroppedFor(FL_REASON_SPOOFED_OVERLAY, run(world.other_node(false), b())));
  EXPECT_TRUE(DroppedFor(FL_REASON_SPOOFED_OVERLAY, run(world.other_node(false), outside())));
  EXPECT_TRUE(WentOn(run(world.other_node(false), remote())));
  EXPECT_TRUE(WentOn(run(world.other_node(false), world.other_node(ipv6()))));
}

TEST_P(SourceTest, WhatStaysOnAHostOrIsNobodysIsNoDestination) {
  const std::vector<std::string> addresses =
      ipv6() ? std::vector<std::string>{"::1", "::", "fe80::1", "fe80::5"}
             : std::vector<std::string>{"127.0.0.1", "127.8.9.10", "0.0.0.0", "169.254.1.1"};
  for (const std::string& address : addresses) {
    EXPECT_TRUE(
        DroppedFor(FL_REASON_NO_ROUTE, world.FromPod(world.a(), Ip{a(), Address(address)} / Tcp{1234, 80})))
        << address;
  }
}

TEST_P(SourceTest, MetadataServersAndCachesOfNamesAreReachable) {
  if (ipv6()) GTEST_SKIP() << "theirs are link-local in IPv4 alone";
  for (const char* address : {"169.254.169.254", "169.254.20.10"})
    EXPECT_TRUE(WentOn(world.FromPod(world.a(), Ip{a(), Address(address)} / Udp{1234, 53}))) << address;
}

TEST_P(SourceTest, MulticastFromAPodIsDropped) {
  IpAddress group = Address(ipv6() ? "ff02::fb" : "224.0.0.251");
  EXPECT_TRUE(DroppedFor(FL_REASON_MULTICAST, world.FromPod(world.a(), Ip{a(), group} / Udp{5353, 5353})));
}

TEST_P(SourceTest, APodThatTookOverAnAddressIsNotItsPredecessor) {
  ASSERT_TRUE(WentOn(world.FromPod(world.a(), Ip{a(), remote()} / Udp{1234, 80})));
  // The address moves to the device of B.
  fl_endpoint old = world.endpoint(world.a()), next = world.endpoint(world.b());
  next.v4 = old.v4, next.v6 = old.v6;
  world.SetEndpoint(world.b(), next);
  world.SetEndpoint(world.a(), fl_endpoint{});
  world.SetLocation(a(), FL_LOCATION_LOCAL_POD, world.b().index);
  EXPECT_TRUE(WentOn(world.FromPod(world.b(), Ip{a(), remote()} / Udp{1234, 80})));
  ASSERT_EQ(world.Connections().size(), 1);
  EXPECT_EQ(world.Connections()[0].client_endpoint, world.b().index);
  EXPECT_EQ(world.Account(world.a()).connections, 0);
}

// Multicast of a pod that is counted, but fills no flow log.
testing::AssertionResult DroppedInSilence(const Outcome& outcome) {
  if (outcome.reason != FL_REASON_MULTICAST)
    return testing::AssertionFailure() << "counted as " << ReasonName(outcome.reason);
  if (!outcome.events.empty()) return testing::AssertionFailure() << "the drop was reported";
  return testing::AssertionSuccess();
}

class NeighbourTest : public testing::Test {
 protected:
  void SetUp() override { world.Reset(); }
  Outcome Send(const Packet& packet) { return world.FromPod(world.a(), packet); }
  static Ip NdIp(const std::string& source, const std::string& destination) {
    return {.source = Address(source), .destination = Address(destination), .hop_limit = 255};
  }
  World& world = World::Get();
};

TEST_F(NeighbourTest, ArpGoesToTheStack) {
  Packet request = Arp{.sender_mac = world.a().mac, .sender = world.a().v4, .target = Address("169.254.1.1")};
  EXPECT_EQ(Send(request).action, kPass);
}

TEST_F(NeighbourTest, PermitsDuplicateAddressDetectionAndSolicitations) {
  std::string own = world.a().v6.ToString();
  EXPECT_EQ(Send(NdIp("::", "ff02::1:ff00:10") / Neighbour{135, world.a().v6}).action, kPass);
  EXPECT_EQ(Send(NdIp("fe80::1234", "ff02::1:ff00:1") / Neighbour{135, Address("fe80::1")}).action, kPass);
  EXPECT_EQ(Send(NdIp(own, "fe80::1") / Neighbour{136, world.a().v6}).action, kPass);
  EXPECT_EQ(Send(NdIp("fe80::1234", "ff02::2") / Neighbour{133, Address("::")}).action, kPass);
  EXPECT_EQ(Send(Ip{Address("fe80::1234"), Address("fe80::1")} / Echo{}).action, kPass);
}

TEST_F(NeighbourTest, MembershipReportsAreCountedButNotReported) {
  for (const uint8_t type : {131, 132, 143})
    EXPECT_TRUE(DroppedInSilence(Send(NdIp("fe80::1234", "ff02::16") / Neighbour{type, {}}))) << int{type};
  EXPECT_TRUE(DroppedInSilence(Send(NdIp("::", "ff02::16") / Neighbour{143, {}})));
  constexpr uint8_t kIgmp = 2;
  EXPECT_TRUE(DroppedInSilence(
      Send(Ip{.source = world.a().v4, .destination = Address("224.0.0.22"), .protocol = kIgmp})));
}

TEST_F(NeighbourTest, RefusesTheRest) {
  // Router advertisements, redirects, multicast listener queries.
  for (uint8_t type : {134, 137, 130})
    EXPECT_TRUE(DroppedFor(FL_REASON_MULTICAST, Send(NdIp("fe80::1234", "ff02::1") / Neighbour{type, {}})));
  EXPECT_TRUE(DroppedFor(FL_REASON_SOURCE_ADDRESS,
                         Send(NdIp("fd00:10:244:1::11", "fe80::1") / Neighbour{136, world.b().v6})));
  // From afar.
  EXPECT_TRUE(DroppedFor(FL_REASON_MALFORMED,
                         Send(Ip{Address("fe80::1234"), Address("fe80::1")} / Neighbour{135, {}})));
  EXPECT_TRUE(DroppedFor(FL_REASON_SOURCE_ADDRESS,
                         Send(Ip{Address("fe80::1234"), Address("fe80::1")} / Tcp{1234, 22})));
}

}  // namespace
}  // namespace fairlead::packets
