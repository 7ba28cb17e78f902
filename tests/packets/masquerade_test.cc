// Pods under the node's address.
#include <set>

#include "tests/packets/packet_fixture.h"

namespace fairlead::packets {
namespace {

uint16_t Net(uint16_t port) {
  return __builtin_bswap16(port);
}

class MasqueradeTest : public PacketTest {
 protected:
  void SetUp() override {
    PacketTest::SetUp();
    fl_config config = world.config();
    config.flags |= FL_CONFIG_MASQUERADE;
    world.SetConfig(config);
  }
  // The port under which the packet left.
  uint16_t Left(const Outcome& outcome) {
    EXPECT_TRUE(WentOn(outcome));
    EXPECT_EQ(FromAbi(outcome.trace.source), node());
    return Net(outcome.trace.source_port);
  }
};
PACKET_TEST_BOTH_FAMILIES(MasqueradeTest);

TEST_P(MasqueradeTest, LeavesUnderTheNodesAddressAndComesBack) {
  uint16_t port = Left(world.FromPod(world.a(), Ip{a(), outside()} / Tcp{1234, 443}));
  EXPECT_GE(port, 60000);
  EXPECT_LE(port, 60999);
  Outcome back = world.FromNode(Ip{outside(), node()} / Tcp{443, port, kSyn | kAck});
  ASSERT_TRUE(DeliveredTo(world.a(), back));
  EXPECT_EQ(Dump(back.frame), Dump((Packet(Ethernet{world.a().host_mac, world.a().mac}) / Ip{outside(), a()} /
                                    Tcp{443, 1234, kSyn | kAck})
                                       .Build()));
}

TEST_P(MasqueradeTest, EchoesKeepApartByIdentifier) {
  uint16_t first = Left(world.FromPod(world.a(), Ip{a(), outside()} / Echo{.id = 7}));
  uint16_t second = Left(world.FromPod(world.b(), Ip{b(), outside()} / Echo{.id = 7}));
  EXPECT_NE(first, second);
  Outcome back = world.FromNode(Ip{outside(), node()} / Echo{.reply = true, .id = second} / Payload("ping"));
  ASSERT_TRUE(DeliveredTo(world.b(), back));
  EXPECT_EQ(Dump(back.frame), Dump((Packet(Ethernet{world.b().host_mac, world.b().mac}) / Ip{outside(), b()} /
                                    Echo{.reply = true, .id = 7} / Payload("ping"))
                                       .Build()));
}

TEST_P(MasqueradeTest, PodsAndNodesAndNativeRangesSeeTheRealSource) {
  world.Put("pod_range", fl_address_prefix{ipv6() ? 32u : 96u + 16, Abi(outside())},
            fl_pod_range{0, FL_RANGE_NATIVE});
  for (const IpAddress& to : {b(), remote(), node(), world.other_node(ipv6()), outside()}) {
    Outcome outcome = world.FromPod(world.a(), Ip{a(), to} / Tcp{1234, 443});
    ASSERT_TRUE(WentOn(outcome)) << to.ToString();
    EXPECT_EQ(FromAbi(outcome.trace.source), a()) << to.ToString();
  }
}

TEST_P(MasqueradeTest, EveryPortIsUsedOnceTowardsADestinationBeforeItRefuses) {
  fl_config config = world.config();
  config.snat_port_last = config.snat_port_first + 9;
  world.SetConfig(config);
  std::set<uint16_t> ports;
  for (uint16_t i = 0; i < 10; ++i)
    ports.insert(
        Left(world.FromPod(world.a(), Ip{a(), outside()} / Udp{static_cast<uint16_t>(1000 + i), 53})));
  EXPECT_EQ(ports.size(), 10);
  EXPECT_TRUE(
      DroppedFor(FL_REASON_SNAT_EXHAUSTED, world.FromPod(world.a(), Ip{a(), outside()} / Udp{2000, 53})));
  EXPECT_EQ(world.Account(world.a()).connections, 10);
  EXPECT_EQ(world.TupleCount(), 20);
  // Another destination has all ports again.
  EXPECT_TRUE(WentOn(world.FromPod(world.a(), Ip{a(), outside()} / Udp{2000, 54})));
}

TEST_P(MasqueradeTest, AnIcmpErrorComesBackToThePod) {
  Packet request = Ip{a(), outside()} / Udp{1234, 53} / Payload(40);
  uint16_t port = Left(world.FromPod(world.a(), request));
  Packet left = Ip{.source = node(), .destination = outside(), .hop_limit = 63} / Udp{port, 53} / Payload(40);
  IpAddress router = Address(ipv6() ? "2001:db8::1" : "198.51.100.1");
  Outcome error = world.FromNode(Ip{router, node()} / IcmpError{.quoted = left.Build()});
  ASSERT_TRUE(DeliveredTo(world.a(), error));
  Packet seen = Ip{.source = a(), .destination = outside(), .hop_limit = 63} / Udp{1234, 53} / Payload(40);
  EXPECT_EQ(Dump(error.frame), Dump((Packet(Ethernet{world.a().host_mac, world.a().mac}) / Ip{router, a()} /
                                     IcmpError{.quoted = seen.Build()})
                                        .Build()));
}

TEST_P(MasqueradeTest, TheServersSynOnALeavingConnectionDoesNotEndIt) {
  uint16_t port = Left(world.FromPod(world.a(), Ip{a(), outside()} / Tcp{1234, 443}));
  EXPECT_EQ(world.FromNode(Ip{outside(), node()} / Tcp{443, port}).action, kPass);
  EXPECT_EQ(world.Connections().size(), 1);
}

}  // namespace
}  // namespace fairlead::packets
