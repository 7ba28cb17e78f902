// The fixture of all packet tests, and words for what they expect.
#pragma once

#include <gtest/gtest.h>

#include "tests/packets/packet.h"
#include "tests/packets/world.h"

namespace fairlead::packets {

// The parameter: IPv6?
class PacketTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override { world.Reset(); }

  bool ipv6() const { return GetParam(); }
  IpAddress a() const { return world.a().address(ipv6()); }
  IpAddress b() const { return world.b().address(ipv6()); }
  IpAddress remote() const { return world.remote_pod(ipv6()); }
  IpAddress outside() const { return world.outside(ipv6()); }
  IpAddress node() const { return world.node(ipv6()); }

  World& world = World::Get();
};

inline std::string FamilyName(const testing::TestParamInfo<bool>& info) {
  return info.param ? "IPv6" : "IPv4";
}

#define PACKET_TEST_BOTH_FAMILIES(fixture) \
  INSTANTIATE_TEST_SUITE_P(Both, fixture, testing::Bool(), FamilyName)

const char* ReasonName(uint32_t reason);

// `outcome` went on to a local pod.
testing::AssertionResult DeliveredTo(const Pod& pod, const Outcome& outcome);
// `outcome` went on to `hop` (enum fl_hop) or, from pod_ingress, up the device.
testing::AssertionResult WentOn(const Outcome& outcome);
testing::AssertionResult DroppedFor(fl_reason reason, const Outcome& outcome);
// Dropped likewise, and what leaves is the answer to the sender.
testing::AssertionResult AnsweredFor(fl_reason reason, const Outcome& outcome);

}  // namespace fairlead::packets
