// Packets that nobody sends by mistake: cut at every length, with lengths that lie, with headers that
// have no place. None may pass; none may stop the programs.
#include <random>

#include "tests/packets/packet_fixture.h"

namespace fairlead::packets {
namespace {

using HostileTest = PacketTest;
PACKET_TEST_BOTH_FAMILIES(HostileTest);

TEST_P(HostileTest, ATruncatedPacketNeverPasses) {
  std::vector<Packet> whole = {
      Ip{a(), b()} / Tcp{1234, 80},
      Ip{a(), b()} / Udp{1234, 80} / Payload("payload"),
      Ip{a(), b()} / Sctp{1234, 80},
      Ip{a(), b()} / Echo{},
      Ip{a(), b()} / IcmpError{.quoted = (Ip{b(), a()} / Udp{80, 1234}).Build()},
      Ip{.source = a(), .destination = b(), .options = {1, 1, 1, 0}, .extensions = {0, 60}} / Tcp{1234, 80},
  };
  for (const Packet& packet : whole) {
    Bytes frame = (Packet(world.FromPod(world.a())) / packet).Build();
    // The kernel refuses test runs of less than the fixed IP header.
    for (size_t length = 14 + (ipv6() ? 40 : 20); length < frame.size(); ++length) {
      Bytes cut(frame.begin(), frame.begin() + length);
      Outcome outcome = world.Run(FL_STAGE_POD_EGRESS, cut, world.a().ifindex);
      EXPECT_EQ(outcome.action, kDrop) << Dump(cut);
      EXPECT_EQ(world.Run(FL_STAGE_POD_INGRESS, cut, world.b().ifindex).action, kDrop) << Dump(cut);
      const Bytes link = Packet(world.FromUnderlay()).Build();
      std::copy(link.begin(), link.begin() + 12, cut.begin());
      Outcome node = world.Run(FL_STAGE_NODE_INGRESS, cut, world.node_ifindex());
      EXPECT_NE(node.action, kRedirect) << Dump(cut);
    }
  }
  EXPECT_EQ(world.TupleCount(), 0);
}

TEST_P(HostileTest, LengthsThatLieAreMalformed) {
  Bytes frame = (Packet(world.FromPod(world.a())) / Ip{a(), b()} / Udp{1, 2} / Payload(8)).Build();
  size_t total = ipv6() ? 18 : 16;
  for (int delta : {-40, -17, -13, 1, 100, 60000}) {
    Bytes lying = frame;
    int length = (frame[total] << 8 | frame[total + 1]) + delta;
    lying[total] = length >> 8, lying[total + 1] = length & 0xff;
    Outcome outcome = world.Run(FL_STAGE_POD_EGRESS, lying, world.a().ifindex);
    EXPECT_TRUE(DroppedFor(FL_REASON_MALFORMED, outcome)) << delta;
  }
  Bytes lying = frame;
  lying[ipv6() ? 59 : 39] += 1;  // UDP length
  EXPECT_TRUE(DroppedFor(FL_REASON_MALFORMED, world.Run(FL_STAGE_POD_EGRESS, lying, world.a().ifindex)));
}

TEST_P(HostileTest, HandshakesThatContradictThemselvesAreMalformed) {
  for (uint8_t flags : {kSyn | kFin, kSyn | kRst, kSyn | kAck | kFin})
    EXPECT_TRUE(DroppedFor(FL_REASON_MALFORMED,
                           world.FromPod(world.a(), Ip{a(), b()} / Tcp{1, 2, static_cast<uint8_t>(flags)})));
}

TEST_P(HostileTest, AnEndlessChainOfHeadersIsMalformed) {
  if (!ipv6()) return;
  Ip ip{a(), b()};
  ip.extensions.assign(6, 60);
  EXPECT_TRUE(DeliveredTo(world.b(), world.FromPod(world.a(), ip / Tcp{1, 2})));
  ip.extensions.assign(7, 60);
  EXPECT_TRUE(DroppedFor(FL_REASON_MALFORMED, world.FromPod(world.a(), ip / Tcp{1, 3})));
}

TEST_P(HostileTest, TheOtherFamilysIcmpIsMalformed) {
  Ip ip{a(), b()};
  ip.protocol = ipv6() ? 1 : 58;
  EXPECT_TRUE(DroppedFor(FL_REASON_MALFORMED, world.FromPod(world.a(), ip / Payload(16))));
}

TEST_P(HostileTest, AnIpv4AddressInsideIpv6IsMalformed) {
  if (!ipv6()) return;
  Bytes frame = (Packet(world.FromPod(world.a())) / Ip{a(), b()} / Tcp{1, 2}).Build();
  std::copy(world.a().v4.bytes().begin(), world.a().v4.bytes().end(), frame.begin() + 22);
  EXPECT_TRUE(DroppedFor(FL_REASON_MALFORMED, world.Run(FL_STAGE_POD_EGRESS, frame, world.a().ifindex)));
}

TEST_P(HostileTest, OtherEthertypesAreRefused) {
  for (uint16_t type : {0x8100, 0x88a8, 0x8847, 0x0001}) {
    Bytes frame = (Packet(Ethernet{world.a().mac, world.a().host_mac, type}) / Payload(64)).Build();
    EXPECT_TRUE(
        DroppedFor(FL_REASON_UNSUPPORTED_PROTOCOL, world.Run(FL_STAGE_POD_EGRESS, frame, world.a().ifindex)));
  }
}

TEST_P(HostileTest, AFragmentBeyondTheLongestPacketIsMalformed) {
  Ip last{a(), b()};
  last.fragment_offset = 65528;
  last.protocol = 17;
  EXPECT_TRUE(DroppedFor(FL_REASON_MALFORMED, world.FromPod(world.a(), last / Payload(8))));
  last.fragment_offset = 65520;
  EXPECT_TRUE(DroppedFor(FL_REASON_FRAGMENT, world.FromPod(world.a(), last / Payload(8))));
}

TEST_P(HostileTest, RandomDamageIsSurvived) {
  world.compare_frames = false;
  std::mt19937 random(GetParam() ? 6 : 4);
  std::vector<Packet> whole = {
      Ip{a(), b()} / Tcp{1234, 80, kAck} / Payload(20),
      Ip{a(), b()} / IcmpError{.quoted = (Ip{b(), a()} / Udp{80, 1234}).Build()},
      Ip{.source = a(), .destination = b(), .more_fragments = true, .extensions = {0, 43, 60}} /
          Udp{1234, 80},
  };
  for (int round = 0; round < 600; ++round) {
    Bytes frame = (Packet(world.FromPod(world.a())) / whole[round % whole.size()]).Build();
    for (int hit = 0; hit < 3; ++hit) frame[14 + random() % (frame.size() - 14)] = random();
    Outcome outcome = world.Run(FL_STAGE_POD_EGRESS, frame, world.a().ifindex);
    EXPECT_TRUE(outcome.action == kDrop || outcome.action == kPass || outcome.action == kRedirect);
  }
}

}  // namespace
}  // namespace fairlead::packets
