// Connections: replies, life, quotas, ICMP errors, packets in mid-stream.
#include "tests/packets/packet_fixture.h"

namespace fairlead::packets {
namespace {

policy::Rule DenyAll() {
  policy::Rule rule;
  rule.action = policy::Action::kDeny;
  rule.any_peer = rule.any_port = true;
  return rule;
}

class ConnectionTest : public PacketTest {
 protected:
  // Nobody may open anything to or from A any more, except by what lives already.
  void ForbidIngressTo(const Pod& pod) {
    world.SetPolicy({{policy::Direction::kIngress, {DenyAll()}}}, {});
    world.Isolate(pod, 1, 0);
  }
  uint8_t State() {
    auto connections = world.Connections();
    return connections.size() == 1 ? connections[0].life.state : 99;
  }
};
PACKET_TEST_BOTH_FAMILIES(ConnectionTest);

// Also where the pods exchange ICMP without ports, which the quoted error would pass for.
TEST_P(ConnectionTest, AnErrorAboutAnErrorBelongsToNothing) {
  const uint8_t odd = ipv6() ? 139 : 13;
  EXPECT_TRUE(DeliveredTo(world.b(), world.FromPod(world.a(), Ip{a(), b()} / IcmpError{odd, odd})));
  const Bytes about = (Ip{b(), a()} / IcmpError{.quoted = (Ip{a(), b()} / Udp{1, 2}).Build()}).Build();
  EXPECT_TRUE(DroppedFor(FL_REASON_ICMP_UNRELATED,
                         world.FromPod(world.a(), Ip{a(), b()} / IcmpError{.quoted = about})));
}

TEST_P(ConnectionTest, ARedirectIsJudgedAsAnError) {
  if (ipv6()) return;  // neighbour discovery has its own, which no pod may send
  const Bytes quoted = (Ip{b(), a()} / Udp{80, 1234}).Build();
  EXPECT_TRUE(DroppedFor(FL_REASON_ICMP_UNRELATED,
                         world.FromPod(world.a(), Ip{a(), b()} / IcmpError{.type_v4 = 5, .quoted = quoted})));
}

TEST_P(ConnectionTest, RepliesNeedNoRule) {
  ForbidIngressTo(world.a());
  ASSERT_TRUE(DeliveredTo(world.b(), world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 80})));
  EXPECT_TRUE(DeliveredTo(world.a(), world.FromPod(world.b(), Ip{b(), a()} / Tcp{80, 1234, kSyn | kAck})));
  EXPECT_TRUE(DroppedFor(FL_REASON_INGRESS_POLICY, world.FromPod(world.b(), Ip{b(), a()} / Tcp{81, 1234})));
}

TEST_P(ConnectionTest, OneTupleAndOneEventAConnection) {
  Outcome first = world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 80});
  ASSERT_EQ(first.events.size(), 1);
  const fl_event& event = first.events[0];
  EXPECT_EQ(event.reason, FL_REASON_FORWARDED);
  EXPECT_EQ(FromAbi(event.source), a());
  EXPECT_EQ(FromAbi(event.destination), b());
  EXPECT_EQ(event.destination_port, __builtin_bswap16(80));
  EXPECT_EQ(event.source_endpoint, world.a().index);
  EXPECT_EQ(event.destination_endpoint, world.b().index);
  EXPECT_TRUE(world.FromPod(world.b(), Ip{b(), a()} / Tcp{80, 1234, kSyn | kAck}).events.empty());
  EXPECT_EQ(world.TupleCount(), 1);
  EXPECT_EQ(world.Account(world.a()).connections, 1);
  EXPECT_EQ(world.Account(world.b()).connections, 0);
}

TEST_P(ConnectionTest, TcpIsEstablishedByTheThirdPacketAndClosedByBothFins) {
  world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 80});
  EXPECT_EQ(State(), FL_CT_NEW);
  world.FromPod(world.b(), Ip{b(), a()} / Tcp{80, 1234, kSyn | kAck});
  EXPECT_EQ(State(), FL_CT_NEW);
  world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 80, kAck});
  EXPECT_EQ(State(), FL_CT_ESTABLISHED);
  world.FromPod(world.b(), Ip{b(), a()} / Tcp{80, 1234, kFin | kAck});
  EXPECT_EQ(State(), FL_CT_ESTABLISHED);
  world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 80, kFin | kAck});
  EXPECT_EQ(State(), FL_CT_CLOSING);
}

TEST_P(ConnectionTest, AResetClosesAtOnce) {
  world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 80});
  world.FromPod(world.b(), Ip{b(), a()} / Tcp{80, 1234, kRst | kAck});
  EXPECT_EQ(State(), FL_CT_CLOSING);
}

TEST_P(ConnectionTest, ASynAfterTheEndIsJudgedAnew) {
  world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 80});
  world.FromPod(world.b(), Ip{b(), a()} / Tcp{80, 1234, kRst | kAck});
  Outcome again = world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 80});
  EXPECT_TRUE(DeliveredTo(world.b(), again));
  EXPECT_EQ(again.events.size(), 1);
  EXPECT_EQ(State(), FL_CT_NEW);
  EXPECT_EQ(world.TupleCount(), 1);
}

TEST_P(ConnectionTest, TheServerCannotOpenOnTheClientsConnection) {
  world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 80});
  ForbidIngressTo(world.a());
  EXPECT_TRUE(DroppedFor(FL_REASON_INGRESS_POLICY, world.FromPod(world.b(), Ip{b(), a()} / Tcp{80, 1234})));
}

TEST_P(ConnectionTest, UdpIsEstablishedByAnAnswer) {
  world.FromPod(world.a(), Ip{a(), b()} / Udp{1234, 53});
  EXPECT_EQ(State(), FL_CT_NEW);
  world.FromPod(world.b(), Ip{b(), a()} / Udp{53, 1234});
  EXPECT_EQ(State(), FL_CT_ESTABLISHED);
}

TEST_P(ConnectionTest, EchoesAreTrackedByTheirIdentifier) {
  ForbidIngressTo(world.a());
  EXPECT_TRUE(DroppedFor(FL_REASON_MID_STREAM,
                         world.FromPod(world.b(), Ip{b(), a()} / Echo{.reply = true, .id = 7})));
  EXPECT_TRUE(DeliveredTo(world.b(), world.FromPod(world.a(), Ip{a(), b()} / Echo{.id = 7})));
  EXPECT_TRUE(DeliveredTo(world.a(), world.FromPod(world.b(), Ip{b(), a()} / Echo{.reply = true, .id = 7})));
  EXPECT_TRUE(DroppedFor(FL_REASON_MID_STREAM,
                         world.FromPod(world.b(), Ip{b(), a()} / Echo{.reply = true, .id = 8})));
}

TEST_P(ConnectionTest, SctpIsTrackedByItsChunks) {
  ForbidIngressTo(world.a());
  EXPECT_TRUE(DeliveredTo(world.b(), world.FromPod(world.a(), Ip{a(), b()} / Sctp{1, 2, 1})));
  EXPECT_TRUE(DeliveredTo(world.a(), world.FromPod(world.b(), Ip{b(), a()} / Sctp{2, 1, 2})));
  EXPECT_EQ(State(), FL_CT_NEW);
  world.FromPod(world.a(), Ip{a(), b()} / Sctp{1, 2, 10});
  world.FromPod(world.b(), Ip{b(), a()} / Sctp{2, 1, 11});
  EXPECT_EQ(State(), FL_CT_ESTABLISHED);
  world.FromPod(world.b(), Ip{b(), a()} / Sctp{2, 1, 14});
  EXPECT_EQ(State(), FL_CT_CLOSING);
  EXPECT_TRUE(DroppedFor(FL_REASON_INGRESS_POLICY, world.FromPod(world.b(), Ip{b(), a()} / Sctp{5, 1, 1})));
}

TEST_P(ConnectionTest, ProtocolsWithoutPortsAreConnectionsToo) {
  ForbidIngressTo(world.a());
  Ip there{.source = a(), .destination = b(), .protocol = 47},
      back{.source = b(), .destination = a(), .protocol = 47};
  EXPECT_TRUE(DroppedFor(FL_REASON_INGRESS_POLICY, world.FromPod(world.b(), back / Payload("gre"))));
  EXPECT_TRUE(DeliveredTo(world.b(), world.FromPod(world.a(), there / Payload("gre"))));
  EXPECT_TRUE(DeliveredTo(world.a(), world.FromPod(world.b(), back / Payload("gre"))));
}

TEST_P(ConnectionTest, AnIcmpErrorFollowsTheConnectionItQuotes) {
  ForbidIngressTo(world.a());
  Packet request = Ip{a(), b()} / Udp{1234, 53} / Payload(32);
  ASSERT_TRUE(WentOn(world.FromPod(world.a(), request)));
  Packet error = Ip{b(), a()} / IcmpError{.quoted = request.Build()};
  EXPECT_TRUE(DeliveredTo(world.a(), world.FromPod(world.b(), error)));
}

TEST_P(ConnectionTest, AnIcmpErrorOfARouterFollowsItToo) {
  Packet request = Ip{a(), outside()} / Udp{1234, 53} / Payload(32);
  ASSERT_TRUE(WentOn(world.FromPod(world.a(), request)));
  IpAddress router = Address(ipv6() ? "2001:db8::1" : "192.0.2.1");
  EXPECT_TRUE(DeliveredTo(
      world.a(),
      world.FromNode(Ip{router, a()} / IcmpError{.type_v4 = 11, .type_v6 = 3, .quoted = request.Build()})));
}

TEST_P(ConnectionTest, AnIcmpErrorOfNoConnectionIsDropped) {
  Packet request = Ip{a(), b()} / Udp{1234, 53} / Payload(32);
  EXPECT_TRUE(DroppedFor(FL_REASON_ICMP_UNRELATED,
                         world.FromPod(world.b(), Ip{b(), a()} / IcmpError{.quoted = request.Build()})));
  // Quotes a packet that its receiver did not send.
  Packet foreign = Ip{remote(), b()} / Udp{1234, 53} / Payload(32);
  EXPECT_TRUE(DroppedFor(FL_REASON_ICMP_UNRELATED,
                         world.FromPod(world.b(), Ip{b(), a()} / IcmpError{.quoted = foreign.Build()})));
}

TEST_P(ConnectionTest, AnIcmpErrorDoesNotKeepAConnectionAlive) {
  Packet request = Ip{a(), b()} / Udp{1234, 53} / Payload(32);
  world.FromPod(world.a(), request);
  uint32_t slot = world.ConnectionSlots().at(0);
  fl_ct_record before = world.Record(slot);
  world.FromPod(world.b(), Ip{b(), a()} / IcmpError{.quoted = request.Build()});
  EXPECT_EQ(world.Record(slot).life.state, FL_CT_NEW);
  EXPECT_EQ(world.Record(slot).packets, before.packets);
}

TEST_P(ConnectionTest, AStreamWhoseStateWasLostGoesOnWherePolicyAdmitsBothDirections) {
  EXPECT_TRUE(DeliveredTo(world.b(), world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 80, kAck})));
  EXPECT_EQ(State(), FL_CT_ESTABLISHED);
  EXPECT_TRUE(DeliveredTo(world.a(), world.FromPod(world.b(), Ip{b(), a()} / Tcp{80, 1234, kAck})));
}

TEST_P(ConnectionTest, AStreamThatPolicyWouldNotAdmitInOneDirectionIsNotTakenIn) {
  ForbidIngressTo(world.a());
  EXPECT_TRUE(DroppedFor(FL_REASON_MID_STREAM, world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 80, kAck})));
  EXPECT_TRUE(DroppedFor(FL_REASON_MID_STREAM, world.FromPod(world.b(), Ip{b(), a()} / Tcp{80, 1234, kAck})));
}

TEST_P(ConnectionTest, AnAdoptedStreamEndsWhenEitherDirectionIsForbidden) {
  ASSERT_TRUE(WentOn(world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 80, kAck})));
  ForbidIngressTo(world.a());
  EXPECT_TRUE(
      DroppedFor(FL_REASON_INGRESS_POLICY, world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 80, kAck})));
  EXPECT_EQ(world.Connections().size(), 0);
}

TEST_P(ConnectionTest, AConnectionThatPolicyEndedDoesNotComeBackAsItsReverse) {
  world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 80});
  world.FromPod(world.b(), Ip{b(), a()} / Tcp{80, 1234, kSyn | kAck});
  world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 80, kAck});
  ForbidIngressTo(world.b());
  EXPECT_TRUE(
      DroppedFor(FL_REASON_INGRESS_POLICY, world.FromPod(world.b(), Ip{b(), a()} / Tcp{80, 1234, kAck})));
  EXPECT_TRUE(DroppedFor(FL_REASON_MID_STREAM, world.FromPod(world.b(), Ip{b(), a()} / Tcp{80, 1234, kAck})));
  EXPECT_TRUE(DroppedFor(FL_REASON_MID_STREAM, world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 80, kAck})));
}

TEST_P(ConnectionTest, TheOldestHalfOpenConnectionMakesRoomForTheNewest) {
  for (int i = 0; i < FL_HALF_OPEN_QUOTA + 1; ++i)
    ASSERT_TRUE(
        WentOn(world.FromPod(world.a(), Ip{a(), outside()} / Udp{static_cast<uint16_t>(1000 + i), 53})));
  EXPECT_EQ(world.Account(world.a()).connections, FL_HALF_OPEN_QUOTA);
  EXPECT_EQ(world.Account(world.a()).recycled, 1);
  EXPECT_EQ(world.TupleCount(), FL_HALF_OPEN_QUOTA);
  for (const fl_ct_record& record : world.Connections())
    EXPECT_FALSE(record.key.port[0] == __builtin_bswap16(1000) ||
                 record.key.port[1] == __builtin_bswap16(1000));
}

TEST_P(ConnectionTest, EstablishedConnectionsNeverMakeRoom) {
  world.FromPod(world.a(), Ip{a(), outside()} / Udp{999, 53});
  world.FromNode(Ip{outside(), a()} / Udp{53, 999});
  for (int i = 0; i < 2 * FL_HALF_OPEN_QUOTA; ++i)
    world.FromPod(world.a(), Ip{a(), outside()} / Udp{static_cast<uint16_t>(1000 + i), 53});
  EXPECT_EQ(world.Account(world.a()).connections, FL_HALF_OPEN_QUOTA + 1);
  EXPECT_TRUE(world.FromPod(world.a(), Ip{a(), outside()} / Udp{999, 53}).events.empty());
}

TEST_P(ConnectionTest, APodsFloodHurtsThatPodOnly) {
  fl_config config = world.config();
  config.endpoint_quota = 10;
  world.SetConfig(config);
  for (int i = 0; i < 10; ++i) {
    uint16_t port = 1000 + i;
    world.FromPod(world.a(), Ip{a(), outside()} / Udp{port, 53});
    world.FromNode(Ip{outside(), a()} / Udp{53, port});
  }
  EXPECT_TRUE(
      DroppedFor(FL_REASON_ENDPOINT_QUOTA, world.FromPod(world.a(), Ip{a(), outside()} / Udp{2000, 53})));
  EXPECT_TRUE(WentOn(world.FromPod(world.b(), Ip{b(), outside()} / Udp{2000, 53})));
  EXPECT_EQ(world.Account(world.a()).connections, 10);
  EXPECT_EQ(world.Account(world.a()).refused, 1);
}

TEST_P(ConnectionTest, AFullTableRefusesAndCountsExactly) {
  fl_ct_table table = world.Table();
  table.fresh = 4096;
  world.SetTable(table);
  EXPECT_TRUE(DroppedFor(FL_REASON_CONNTRACK_FULL, world.FromPod(world.a(), Ip{a(), b()} / Udp{1, 2})));
  EXPECT_EQ(world.Account(world.a()).connections, 0);
  EXPECT_EQ(world.TupleCount(), 0);
  EXPECT_EQ(world.Table().fresh, 4096);
  table.fresh = 0;
  world.SetTable(table);
}

TEST_P(ConnectionTest, TheNodeReachesItsPodsWhateverPolicySays) {
  ForbidIngressTo(world.a());
  EXPECT_EQ(world.ToPod(world.a(), Ip{node(), a()} / Tcp{1234, 80}, {.own = true}).action, kPass);
  // The answer, too.
  Outcome answer = world.FromPod(world.a(), Ip{a(), node()} / Tcp{80, 1234, kSyn | kAck});
  EXPECT_EQ(answer.action, kPass);
  EXPECT_EQ(answer.trace.hop, FL_HOP_HOST);
}

TEST_P(ConnectionTest, WhatTheNodeForwardsIsJudgedAsItsClients) {
  ForbidIngressTo(world.a());
  EXPECT_TRUE(
      DroppedFor(FL_REASON_INGRESS_POLICY, world.ToPod(world.a(), Ip{outside(), a()} / Tcp{1234, 80})));
  EXPECT_TRUE(DroppedFor(FL_REASON_INGRESS_POLICY, world.ToPod(world.a(), Ip{node(), a()} / Tcp{1234, 80})));
}

}  // namespace
}  // namespace fairlead::packets
