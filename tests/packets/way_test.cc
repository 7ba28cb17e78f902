// Which way packets go when nothing forbids them.
#include "tests/packets/packet_fixture.h"

namespace fairlead::packets {
namespace {

using WayTest = PacketTest;
PACKET_TEST_BOTH_FAMILIES(WayTest);

TEST_P(WayTest, LocalPodsReachEachOtherWithTheirLinkLayerAddresses) {
  Packet packet = Ip{a(), b()} / Tcp{1234, 80};
  Outcome outcome = world.FromPod(world.a(), packet);
  EXPECT_TRUE(DeliveredTo(world.b(), outcome));
  EXPECT_EQ(outcome.frame, (Packet(Ethernet{world.b().host_mac, world.b().mac}) / packet).Build());
}

TEST_P(WayTest, APacketForTheNodeStaysWithItsStack) {
  Outcome outcome = world.FromPod(world.a(), Ip{a(), node()} / Tcp{1234, 80});
  EXPECT_EQ(outcome.action, kPass);
  EXPECT_EQ(outcome.trace.hop, FL_HOP_HOST);
}

TEST_P(WayTest, OnlyTheNodesOwnMulticastReachesItsPods) {
  const Packet report = Ip{node(), Address(ipv6() ? "ff02::16" : "224.0.0.22")} / Udp{1, 2};
  EXPECT_EQ(world.ToPod(world.a(), report, {.own = true}).action, kPass);
  EXPECT_TRUE(DroppedFor(FL_REASON_MULTICAST, world.ToPod(world.a(), report)));
  fl_endpoint endpoint = world.endpoint(world.a());
  endpoint.flags &= ~FL_ENDPOINT_READY;
  world.SetEndpoint(world.a(), endpoint);
  EXPECT_TRUE(DroppedFor(FL_REASON_NOT_PROGRAMMED, world.ToPod(world.a(), report, {.own = true})));
}

TEST_P(WayTest, DirectRoutingHandsToTheNextHopWithOneHopLess) {
  Outcome outcome = world.FromPod(world.a(), Ip{a(), remote()} / Tcp{1234, 80});
  ASSERT_TRUE(WentOn(outcome));
  EXPECT_EQ(outcome.action, kRedirect);
  EXPECT_EQ(outcome.trace.hop, FL_HOP_REMOTE_NODE);
  EXPECT_EQ(outcome.trace.node, 1);
  Packet expected = Ethernet{world.a().mac, world.a().host_mac} /
                    Ip{.source = a(), .destination = remote(), .hop_limit = 63} / Tcp{1234, 80};
  EXPECT_EQ(outcome.frame, expected.Build());
}

TEST_P(WayTest, ThePacketThatLivedLongEnoughIsNotSentOn) {
  EXPECT_TRUE(AnsweredFor(
      FL_REASON_TTL_EXCEEDED,
      world.FromPod(world.a(), Ip{.source = a(), .destination = remote(), .hop_limit = 1} / Tcp{1234, 80})));
}

TEST_P(WayTest, TheOverlayIsAimedAtTheOwnerOfTheAddress) {
  fl_config config = world.config();
  config.flags |= FL_CONFIG_OVERLAY;
  world.SetConfig(config);
  Outcome outcome = world.FromPod(world.a(), Ip{a(), remote()} / Tcp{1234, 80});
  ASSERT_TRUE(WentOn(outcome));
  EXPECT_EQ(outcome.action, kRedirect);
  EXPECT_EQ(outcome.trace.node, 1);
}

TEST_P(WayTest, AnAddressOfThisNodesRangeThatNobodyHasIsRefused) {
  EXPECT_TRUE(AnsweredFor(FL_REASON_NO_SUCH_POD,
                          world.FromPod(world.a(), Ip{a(), world.unused_pod(ipv6())} / Tcp{1234, 80})));
  EXPECT_TRUE(AnsweredFor(FL_REASON_NO_SUCH_POD,
                          world.FromNode(Ip{outside(), world.unused_pod(ipv6())} / Tcp{1234, 80})));
}

TEST_P(WayTest, TheOutsideReachesAPodThroughANodesDevice) {
  EXPECT_TRUE(DeliveredTo(world.a(), world.FromNode(Ip{outside(), a()} / Udp{1234, 53})));
  EXPECT_TRUE(DeliveredTo(world.a(), world.FromNode(Ip{remote(), a()} / Sctp{1234, 53})));
}

TEST_P(WayTest, WhatIsNotForPodsIsLeftToTheStackUntracked) {
  EXPECT_EQ(world.FromNode(Ip{outside(), node()} / Tcp{1234, 22}).action, kPass);
  EXPECT_EQ(world.FromNode(Ip{outside(), world.other_node(ipv6())} / Tcp{1234, 22}).action, kPass);
  EXPECT_EQ(world.TupleCount(), 0);
}

TEST_P(WayTest, OutOfTheTunnelIntoAPod) {
  Facts facts{.outer_source = world.other_node(false)};
  Bytes frame = (Ethernet{} / Ip{remote(), a()} / Tcp{1234, 80}).Build();
  EXPECT_TRUE(
      DeliveredTo(world.a(), world.Run(FL_STAGE_OVERLAY_INGRESS, frame, world.overlay_ifindex(), facts)));
}

TEST_P(WayTest, TheNodesOwnPacketsEnterTheTunnelAimed) {
  Bytes frame = (Ethernet{} / Ip{node(), remote()} / Tcp{1234, 80}).Build();
  EXPECT_EQ(world.Run(FL_STAGE_OVERLAY_EGRESS, frame, world.overlay_ifindex()).action, kPass);
  frame = (Ethernet{} / Ip{node(), outside()} / Tcp{1234, 80}).Build();
  EXPECT_TRUE(
      DroppedFor(FL_REASON_NO_ROUTE, world.Run(FL_STAGE_OVERLAY_EGRESS, frame, world.overlay_ifindex())));
}

TEST_P(WayTest, AConnectionFollowsItsServerToAnotherNode) {
  Packet packet = Ip{a(), remote()} / Udp{1234, 80};
  ASSERT_EQ(world.FromPod(world.a(), packet).trace.node, 1);
  uint32_t second = 2;
  world.Put("node", second, fl_node{Abi(Address("172.31.0.13"))});
  world.SetLocation(remote(), FL_LOCATION_OTHER_NODE, second);
  fl_config config = world.config();
  ++config.route_epoch;
  world.SetConfig(config);
  EXPECT_EQ(world.FromPod(world.a(), packet).trace.node, 2);
}

TEST_P(WayTest, AConnectionDoesNotFollowItsServersAddressIntoAPodOfThisNode) {
  Packet packet = Ip{a(), remote()} / Udp{1234, 80};
  ASSERT_TRUE(WentOn(world.FromPod(world.a(), packet)));
  // The policy of a pod that has the address now was not asked.
  fl_endpoint b = world.endpoint(world.b());
  (ipv6() ? b.v6 : b.v4) = Abi(remote());
  world.SetEndpoint(world.b(), b);
  world.SetLocation(remote(), FL_LOCATION_LOCAL_POD, world.b().index);
  fl_config config = world.config();
  ++config.route_epoch;
  world.SetConfig(config);
  EXPECT_TRUE(AnsweredFor(FL_REASON_NO_SUCH_POD, world.FromPod(world.a(), packet)));
  EXPECT_TRUE(DeliveredTo(world.b(), world.FromPod(world.a(), packet))) << "a new one, that was judged";
}

}  // namespace
}  // namespace fairlead::packets
