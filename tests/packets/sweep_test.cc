// Expiry: what is idle too long ends, what is gone ends, slots come back in two phases.
#include "tests/packets/packet_fixture.h"

namespace fairlead::packets {
namespace {

class SweepTest : public PacketTest {
 protected:
  void SetUp() override {
    PacketTest::SetUp();
    fl_ct_table table = world.Table();
    table.hz = 1000;
    world.SetTable(table);
  }
  void Age(uint32_t seconds) {
    for (uint32_t slot : world.ConnectionSlots()) {
      fl_ct_record record = world.Record(slot);
      record.last_seen -= seconds * 1000;
      world.SetRecord(slot, record);
    }
  }
};
PACKET_TEST_BOTH_FAMILIES(SweepTest);

TEST_P(SweepTest, HalfOpenConnectionsAreShortLived) {
  world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 80});
  Age(29);
  world.Sweep();
  EXPECT_EQ(world.TupleCount(), 1);
  Age(2);
  world.Sweep();
  EXPECT_EQ(world.TupleCount(), 0);
  EXPECT_EQ(world.Account(world.a()).connections, 0);
  EXPECT_EQ(world.Table().expired, 1);
}

TEST_P(SweepTest, EstablishedTcpOutlivesTheKeepalive) {
  world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 80});
  world.FromPod(world.b(), Ip{b(), a()} / Tcp{80, 1234, kSyn | kAck});
  world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 80, kAck});
  Age(7200 + 75 * 9);
  world.Sweep();
  EXPECT_EQ(world.TupleCount(), 1);
  world.FromPod(world.b(), Ip{b(), a()} / Tcp{80, 1234, kRst});
  Age(11);
  world.Sweep();
  EXPECT_EQ(world.TupleCount(), 0);
}

TEST_P(SweepTest, ASlotIsFreeAfterTwoMoreVisits) {
  world.FromPod(world.a(), Ip{a(), b()} / Udp{1234, 80});
  uint32_t slot = world.ConnectionSlots().at(0);
  uint32_t generation = world.Record(slot).life.generation;
  Age(1000);
  world.Sweep();
  EXPECT_EQ(world.Record(slot).life.state, FL_CT_DELETING);
  world.FromPod(world.a(), Ip{a(), b()} / Udp{1235, 80});
  EXPECT_NE(world.ConnectionSlots().at(0), slot);
  world.Sweep();
  world.Sweep();
  EXPECT_EQ(world.Record(slot).life.state, FL_CT_FREE);
  EXPECT_EQ(world.Table().freed, 1);
  world.FromPod(world.a(), Ip{a(), b()} / Udp{1236, 80});
  EXPECT_EQ(world.Record(slot).life.state, FL_CT_NEW);
  EXPECT_EQ(world.Record(slot).life.generation, generation + 1);
}

TEST_P(SweepTest, ConnectionsOfAPodThatIsGoneEnd) {
  world.FromPod(world.a(), Ip{a(), outside()} / Udp{1234, 80});
  world.FromPod(world.b(), Ip{b(), outside()} / Udp{1234, 80});
  world.SetEndpoint(world.a(), fl_endpoint{});
  world.Sweep();
  ASSERT_EQ(world.Connections().size(), 1);
  EXPECT_EQ(world.Connections()[0].client_endpoint, world.b().index);
  EXPECT_EQ(world.Account(world.a()).connections, 0);
}

TEST_P(SweepTest, NothingExpiresBeforeTheClockIsKnown) {
  fl_ct_table table = world.Table();
  table.hz = 0;
  world.SetTable(table);
  world.FromPod(world.a(), Ip{a(), b()} / Udp{1234, 80});
  Age(100000);
  world.Sweep();
  EXPECT_EQ(world.TupleCount(), 1);
}

}  // namespace
}  // namespace fairlead::packets
