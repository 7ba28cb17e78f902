// Packets that are larger than their way.
#include "tests/packets/packet_fixture.h"

namespace fairlead::packets {
namespace {

class MtuTest : public PacketTest {
 protected:
  void SetFlags(uint32_t flags) {
    fl_config config = world.config();
    config.flags |= flags;
    world.SetConfig(config);
  }
  Packet TooBig(const Packet& sent, uint32_t mtu) {
    Bytes quoted = sent.Build();
    quoted.resize(128);
    return Ip{node(), a()} / IcmpError{.type_v4 = 3,
                                       .type_v6 = 2,
                                       .code = static_cast<uint8_t>(ipv6() ? 0 : 4),
                                       .rest = mtu,
                                       .quoted = quoted};
  }
  Bytes InA(const Packet& packet) {
    return (Packet(Ethernet{world.a().host_mac, world.a().mac}) / packet).Build();
  }
};
PACKET_TEST_BOTH_FAMILIES(MtuTest);

TEST_P(MtuTest, TheSenderIsToldTheUnderlaysMtu) {
  Packet fits = Ip{a(), remote()} / Udp{1, 2} / Payload(1500 - 8 - (ipv6() ? 40 : 20));
  EXPECT_TRUE(WentOn(world.FromPod(world.a(), fits)));
  Packet big = Ip{a(), remote()} / Udp{1, 2} / Payload(1600);
  Outcome outcome = world.FromPod(world.a(), big);
  ASSERT_TRUE(AnsweredFor(FL_REASON_MTU_EXCEEDED, outcome));
  EXPECT_EQ(Dump(outcome.frame), Dump(InA(TooBig(big, 1500))));
}

TEST_P(MtuTest, TheSenderIsToldTheOverlaysMtu) {
  SetFlags(FL_CONFIG_OVERLAY);
  Packet fits = Ip{a(), remote()} / Udp{1, 2} / Payload(1430 - 8 - (ipv6() ? 40 : 20));
  EXPECT_TRUE(WentOn(world.FromPod(world.a(), fits)));
  Packet big = Ip{a(), remote()} / Udp{1, 2} / Payload(1431 - 8 - (ipv6() ? 40 : 20));
  Outcome outcome = world.FromPod(world.a(), big);
  ASSERT_TRUE(AnsweredFor(FL_REASON_MTU_EXCEEDED, outcome));
  EXPECT_EQ(Dump(outcome.frame), Dump(InA(TooBig(big, 1430))));
}

TEST_P(MtuTest, TheSenderFindsWhatItSentNotWhatLeft) {
  SetFlags(FL_CONFIG_MASQUERADE);
  ASSERT_TRUE(WentOn(world.FromPod(world.a(), Ip{a(), outside()} / Udp{1, 2})));
  Packet big = Ip{a(), outside()} / Udp{1, 2} / Payload(1600);
  Outcome outcome = world.FromPod(world.a(), big);
  ASSERT_TRUE(AnsweredFor(FL_REASON_MTU_EXCEEDED, outcome));
  EXPECT_EQ(Dump(outcome.frame), Dump(InA(TooBig(big, 1500))));
}

TEST_P(MtuTest, WhatMayBeFragmentedIsLeftToTheStack) {
  if (ipv6()) return;
  Packet big = Ip{.source = a(), .destination = remote(), .dont_fragment = false} / Udp{1, 2} / Payload(1600);
  EXPECT_EQ(world.FromPod(world.a(), big).action, kPass);
}

TEST_P(MtuTest, WhatTheDeviceCutsIsMeasuredByItsSegments) {
  SetFlags(FL_CONFIG_OVERLAY);
  uint32_t fits = 1430 - 20 - (ipv6() ? 40 : 20);
  Packet big = Ip{a(), remote()} / Tcp{1, 2, kAck} / Payload(2800);
  EXPECT_TRUE(WentOn(world.FromPod(world.a(), big, {.gso_size = fits})));
  EXPECT_EQ(world.FromPod(world.a(), big, {.gso_size = fits + 1}).reason, FL_REASON_MTU_EXCEEDED);
}

TEST_P(MtuTest, BetweenLocalPodsThereIsNoLimit) {
  EXPECT_TRUE(DeliveredTo(world.b(), world.FromPod(world.a(), Ip{a(), b()} / Udp{1, 2} / Payload(2800))));
}

}  // namespace
}  // namespace fairlead::packets
