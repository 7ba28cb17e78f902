// Fragments follow their head; without it they are collected elsewhere or dropped.
#include "tests/packets/packet_fixture.h"

namespace fairlead::packets {
namespace {

class FragmentTest : public PacketTest {
 protected:
  void UseHelper() {
    fl_config config = world.config();
    config.reassembly_ifindex = world.overlay_ifindex();
    world.SetConfig(config);
  }
  // The node's address for what A sends to the outside.
  void Masquerade() {
    fl_config config = world.config();
    config.flags |= FL_CONFIG_MASQUERADE;
    world.SetConfig(config);
  }
};
PACKET_TEST_BOTH_FAMILIES(FragmentTest);

TEST_P(FragmentTest, FollowsItsHead) {
  auto [head, tail] = Fragments({a(), b()}, Udp{1234, 53} / Payload(64), 40, 7);
  EXPECT_TRUE(DeliveredTo(world.b(), world.FromPod(world.a(), head)));
  EXPECT_TRUE(DeliveredTo(world.b(), world.FromPod(world.a(), tail)));
  EXPECT_EQ(world.Connections().size(), 1);
}

TEST_P(FragmentTest, WithoutItsHeadItIsDropped) {
  auto [head, tail] = Fragments({a(), b()}, Udp{1234, 53} / Payload(64), 40, 7);
  EXPECT_TRUE(DroppedFor(FL_REASON_FRAGMENT, world.FromPod(world.a(), tail)));
  EXPECT_TRUE(
      DroppedFor(FL_REASON_FRAGMENT,
                 world.FromNode(Fragments({outside(), a()}, Udp{1234, 53} / Payload(64), 40, 7).second)));
}

TEST_P(FragmentTest, WhatComesBeforeItsHeadGoesToTheHelperWithAllTheRest) {
  UseHelper();
  auto [head, tail] = Fragments({a(), b()}, Udp{1234, 53} / Payload(64), 40, 7);
  for (const Packet& packet : {tail, head}) {
    Outcome outcome = world.FromPod(world.a(), packet);
    EXPECT_EQ(outcome.action, kRedirect);
    EXPECT_EQ(outcome.trace.hop, FL_HOP_UNKNOWN);
  }
  EXPECT_EQ(world.Connections().size(), 0);
  // From there they come in order.
  for (const Packet& packet : {head, tail})
    EXPECT_TRUE(DeliveredTo(world.b(), world.Run(FL_STAGE_REASSEMBLED, (Packet(Ethernet{}) / packet).Build(),
                                                 world.overlay_ifindex())));
  ASSERT_EQ(world.Connections().size(), 1);
  EXPECT_EQ(world.Connections()[0].client_endpoint, world.a().index);
}

TEST_P(FragmentTest, TheHelperIsOnlyForTrueSenders) {
  UseHelper();
  Packet tail = Fragments({b(), outside()}, Udp{1234, 53} / Payload(64), 40, 7).second;
  EXPECT_TRUE(DroppedFor(FL_REASON_SOURCE_ADDRESS, world.FromPod(world.a(), tail)));
  EXPECT_TRUE(DroppedFor(FL_REASON_SPOOFED_UNDERLAY, world.FromNode(tail)));
}

TEST_P(FragmentTest, AllFragmentsOfADatagramAreTranslated) {
  Masquerade();
  auto [head, tail] = Fragments({a(), outside()}, Udp{1234, 53} / Payload(64), 40, 7);
  Outcome first = world.FromPod(world.a(), head), second = world.FromPod(world.a(), tail);
  ASSERT_TRUE(WentOn(first));
  ASSERT_TRUE(WentOn(second));
  EXPECT_EQ(FromAbi(first.trace.source), node());
  EXPECT_EQ(FromAbi(second.trace.source), node());
  uint16_t port = __builtin_bswap16(first.trace.source_port);
  Ip seen{.source = node(), .destination = outside(), .hop_limit = 63};
  auto [seen_head, seen_tail] = Fragments(seen, Udp{port, 53} / Payload(64), 40, 7);
  EXPECT_EQ(Dump(first.frame), Dump((Packet(world.FromPod(world.a())) / seen_head).Build()));
  EXPECT_EQ(Dump(second.frame), Dump((Packet(world.FromPod(world.a())) / seen_tail).Build()));
}

TEST_P(FragmentTest, AHeadThatWasDeniedTakesItsFragmentsAlong) {
  policy::Rule deny;
  deny.action = policy::Action::kDeny;
  deny.any_peer = deny.any_port = true;
  world.SetPolicy({{policy::Direction::kEgress, {deny}}}, {});
  world.Isolate(world.a(), 0, 1);
  auto [head, tail] = Fragments({a(), b()}, Udp{1234, 53} / Payload(64), 40, 7);
  EXPECT_TRUE(DroppedFor(FL_REASON_EGRESS_POLICY, world.FromPod(world.a(), head)));
  EXPECT_TRUE(DroppedFor(FL_REASON_EGRESS_POLICY, world.FromPod(world.a(), tail)));
}

TEST_P(FragmentTest, AFragmentOverTheTcpHeaderIsMalformed) {
  auto [head, tail] = Fragments({a(), b()}, Tcp{1234, 80} / Payload(64), 24, 7);
  ASSERT_TRUE(WentOn(world.FromPod(world.a(), head)));
  EXPECT_TRUE(WentOn(world.FromPod(world.a(), tail)));
  EXPECT_TRUE(
      DroppedFor(FL_REASON_MALFORMED,
                 world.FromPod(world.a(), Fragments({a(), b()}, Tcp{1234, 80} / Payload(64), 16, 8).second)));
  EXPECT_TRUE(
      DroppedFor(FL_REASON_MALFORMED,
                 world.FromPod(world.a(), Fragments({a(), b()}, Tcp{1234, 80} / Payload(64), 16, 8).first)));
}

TEST_P(FragmentTest, TheNodesOwnFragmentsAreLeftToItsStack) {
  Packet tail = Fragments({outside(), node()}, Udp{1234, 53} / Payload(64), 40, 7).second;
  EXPECT_EQ(world.FromNode(tail).action, kPass);
}

}  // namespace
}  // namespace fairlead::packets
