// The rings of events: one a CPU, read as one.
#include <arpa/inet.h>
#include <sched.h>

#include <vector>

#include "tests/packets/packet_fixture.h"

namespace fairlead::packets {
namespace {

constexpr int kAnEvent = sizeof(fl_event) + 8;  // the ring's header

class EventsTest : public PacketTest {
 protected:
  EventsTest() {
    sched_getaffinity(0, sizeof(allowed_), &allowed_);
    world.TakeEvents();
  }
  ~EventsTest() override {
    sched_setaffinity(0, sizeof(allowed_), &allowed_);
    world.TakeEvents();
  }

  std::vector<int> Cpus() const {
    std::vector<int> cpus;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &allowed_)) cpus.push_back(cpu);
    }
    return cpus;
  }
  static void MoveTo(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    ASSERT_EQ(sched_setaffinity(0, sizeof(set), &set), 0);
  }
  // A packet with that source port, which is refused and reported.
  void Report(uint16_t port) {
    const Bytes refused =
        (Packet(world.FromPod(world.a())) / Ip{world.b().v4, world.remote_pod(false)} / Tcp{port, 80})
            .Build();
    world.RunAttached(FL_STAGE_POD_EGRESS, refused, world.a().ifindex);
  }

  cpu_set_t allowed_;
};

TEST_F(EventsTest, ThoseOfAllCpusComeInTheOrderOfTheirTime) {
  const std::vector<int> cpus = Cpus();
  for (uint16_t port = 1; port <= 40; ++port) {
    MoveTo(cpus[port % cpus.size()]);
    Report(port);
  }
  const std::vector<fl_event> events = world.TakeEvents();
  ASSERT_EQ(events.size(), 40u);
  for (size_t i = 0; i < events.size(); ++i) EXPECT_EQ(ntohs(events[i].source_port), i + 1);
}

TEST_F(EventsTest, ACpuWithManyDoesNotHideTheOthers) {
  const std::vector<int> cpus = Cpus();
  if (cpus.size() < 2) GTEST_SKIP() << "one CPU";
  MoveTo(cpus[0]);
  for (uint16_t port = 1; port <= 1000; ++port) Report(port);
  MoveTo(cpus[1]);
  Report(2000);
  const std::vector<fl_event> events = world.TakeEvents(100);
  EXPECT_EQ(events.size(), 100u);
  EXPECT_EQ(ntohs(events.back().source_port), 2000);
  EXPECT_EQ(world.TakeEvents().size(), 901u);
}

TEST_F(EventsTest, WhatDoesNotFitIsCountedExactly) {
  MoveTo(Cpus()[0]);
  constexpr int kFit = FL_EVENTS_SIZE / kAnEvent;
  for (int i = 0; i < kFit + 123; ++i) Report(7);
  uint64_t lost = 0;
  const size_t read = world.TakeEvents(2 * kFit, &lost).size();
  EXPECT_EQ(read + lost, static_cast<size_t>(kFit) + 123);
  EXPECT_GE(read + 1, static_cast<size_t>(kFit));
}

TEST_F(EventsTest, AReaderIsWokenForManyEventsOnly) {
  MoveTo(Cpus()[0]);
  const Bytes refused =
      (Packet(world.FromPod(world.a())) / Ip{world.b().v4, world.remote_pod(false)} / Tcp{1234, 80}).Build();
  const int packets = world.PacketsUntilWoken(FL_STAGE_POD_EGRESS, refused, world.a().ifindex, 20'000);
  EXPECT_GE(packets, FL_EVENTS_WAKE / kAnEvent);
  EXPECT_LE(packets, FL_EVENTS_WAKE / kAnEvent + 100);
}

}  // namespace
}  // namespace fairlead::packets
