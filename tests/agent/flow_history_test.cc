#include "agent/flow_history.h"

#include <gtest/gtest.h>

#include "tests/agent/resources.h"

namespace fairlead::agent {
namespace {

datapath::FlowEvent Event(uint16_t port, uint64_t lost_before = 0) {
  datapath::FlowEvent event;
  event.reason = "forwarded";
  event.protocol = 6;
  event.source = Address("10.244.1.5");
  event.destination = Address("10.244.2.7");
  event.destination_port = port;
  event.source_pod = "shop/cart-0";
  event.destination_pod = "shop/database-0";
  event.lost_before = lost_before;
  return event;
}

TEST(FlowHistory, GivesTheLastThatMatch) {
  FlowHistory history;
  for (uint16_t port = 1; port <= 10; ++port) history.Add(Event(port), port);
  FlowCursor cursor(history.StartOf(3, {}), {});
  EXPECT_EQ(cursor.Next(history)->entry->event.destination_port, 8);
  EXPECT_EQ(cursor.Next(history)->entry->event.destination_port, 9);
  EXPECT_EQ(cursor.Next(history)->entry->event.destination_port, 10);
  EXPECT_FALSE(cursor.Next(history));
  FlowFilter filter;
  filter.port = 2;
  FlowCursor filtered(history.StartOf(3, filter), filter);
  EXPECT_EQ(filtered.Next(history)->entry->event.destination_port, 2);
  EXPECT_FALSE(filtered.Next(history));
}

TEST(FlowHistory, AReaderThatFellBehindLearnsHowManyItMissed) {
  FlowHistory history;
  FlowCursor cursor(history.end(), {});
  const size_t count = FlowHistory::kCapacity + 5;
  for (size_t i = 0; i < count; ++i) history.Add(Event(1), 0);
  EXPECT_EQ(cursor.Next(history)->lost, 5u);
  EXPECT_EQ(cursor.Next(history)->lost, 0u);
}

TEST(FlowHistory, WhatTheKernelLostIsToldWithTheNextThatMatches) {
  FlowHistory history;
  history.Add(Event(1, 3), 0);
  history.Add(Event(2, 4), 0);
  FlowFilter filter;
  filter.port = 2;
  FlowCursor cursor(0, filter);
  EXPECT_EQ(cursor.Next(history)->lost, 7u);
}

TEST(FlowHistory, TellsListenersUntilTheyLeave) {
  FlowHistory history;
  int told = 0;
  const uint64_t id = history.Listen([&] { ++told; });
  history.Add(Event(1), 0);
  history.Unlisten(id);
  history.Add(Event(1), 0);
  EXPECT_EQ(told, 1);
}

TEST(FlowFilter, MatchesEitherSide) {
  const datapath::FlowEvent event = Event(5432);
  FlowFilter filter;
  EXPECT_TRUE(filter.Matches(event));
  for (const char* pod : {"shop/cart-0", "shop/database-0", "shop/"}) {
    filter.pod = pod;
    EXPECT_TRUE(filter.Matches(event)) << pod;
  }
  for (const char* pod : {"shop/cart", "other/", "sho/"}) {
    filter.pod = pod;
    EXPECT_FALSE(filter.Matches(event)) << pod;
  }
  filter = {};
  filter.address = Address("10.244.2.7");
  EXPECT_TRUE(filter.Matches(event));
  filter.address = Address("10.244.2.8");
  EXPECT_FALSE(filter.Matches(event));
  filter = {};
  filter.protocol = 17;
  EXPECT_FALSE(filter.Matches(event));
}

TEST(FlowFilter, TellsRejectedFromDropped) {
  datapath::FlowEvent event = Event(80);
  event.dropped = true;
  event.reason = "service has no endpoints";
  FlowFilter filter;
  filter.verdict = FlowFilter::Verdict::kRejected;
  EXPECT_TRUE(filter.Matches(event));
  filter.verdict = FlowFilter::Verdict::kDropped;
  EXPECT_FALSE(filter.Matches(event));
  event.reason = "denied by ingress policy";
  EXPECT_TRUE(filter.Matches(event));
}

}  // namespace
}  // namespace fairlead::agent
