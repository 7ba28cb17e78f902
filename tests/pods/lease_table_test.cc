#include "agent/pods/lease_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/details.h"
#include "tests/pods/world.h"

namespace fairlead::agent {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kSecond = 1'000'000'000;

TEST(LeaseTable, GivesOneAddressOfEachFamilyAndRecordsItFirst) {
  World world;
  AgentOn agent(&world);
  absl::StatusOr<Lease> lease = agent.leases.Prepare(RequestOf("s1"));
  ASSERT_TRUE(lease.ok()) << lease.status();
  ASSERT_EQ(lease->addresses.size(), 2u);
  EXPECT_EQ(lease->addresses[0].ToString(), "10.244.1.1");
  EXPECT_EQ(lease->addresses[1].ToString(), "fd00::1");
  ASSERT_EQ(world.disk.size(), 1u);
  EXPECT_EQ(*DecodeLease(world.disk.begin()->second), *lease);
}

TEST(LeaseTable, ARepeatedSandboxKeepsItsAddresses) {
  World world;
  AgentOn agent(&world);
  const Lease first = *agent.leases.Prepare(RequestOf("s1"));
  EXPECT_EQ(*agent.leases.Prepare(RequestOf("s1")), first);
}

TEST(LeaseTable, SaysWhoHoldsTheAddressesWhenThereAreNone) {
  World world;
  AgentOn agent(&world, {"10.0.0.0/29"});
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(agent.leases.Prepare(RequestOf("s" + std::to_string(i))).ok());
  for (int i = 4; i < 6; ++i)
    ASSERT_TRUE(agent.leases.Prepare(RequestOf("s" + std::to_string(i), "batch")).ok());
  agent.leases.FinishRelease("s0/eth0");
  absl::StatusOr<Lease> none = agent.leases.Prepare(RequestOf("s9"));
  EXPECT_EQ(none.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(none.status().message()),
              HasSubstr("10.0.0.0/29: 6 usable, 5 used, 1 cooling, 0 free"));
  EXPECT_THAT(DetailsOf(none.status()), HasSubstr("shop (3), batch (2)"));
}

TEST(LeaseTable, AFamilyThatIsExhaustedTakesNothingOfTheOther) {
  World world;
  AgentOn agent(&world, {"10.0.0.0/30", "fd00::/64"});
  ASSERT_TRUE(agent.leases.Prepare(RequestOf("a")).ok());
  ASSERT_TRUE(agent.leases.Prepare(RequestOf("b")).ok());
  EXPECT_FALSE(agent.leases.Prepare(RequestOf("c")).ok());
  EXPECT_EQ(agent.leases.Pools()[1].counts.used, 2u);
}

TEST(LeaseTable, HonoursRequestedAddresses) {
  World world;
  AgentOn agent(&world);
  LeaseTable::Request request = RequestOf("s1");
  request.requested = {*IpAddress::Parse("10.244.1.9")};
  absl::StatusOr<Lease> lease = agent.leases.Prepare(request);
  ASSERT_TRUE(lease.ok()) << lease.status();
  EXPECT_EQ(lease->addresses[0].ToString(), "10.244.1.9");
  EXPECT_EQ(lease->addresses.size(), 2u) << "the other family from the pool";
  request.sandbox = "s2";
  EXPECT_EQ(agent.leases.Prepare(request).status().code(), absl::StatusCode::kAlreadyExists);
  request.requested = {*IpAddress::Parse("192.0.2.1")};
  EXPECT_EQ(agent.leases.Prepare(request).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(LeaseTable, AHostPortBelongsToOnePod) {
  World world;
  AgentOn agent(&world);
  LeaseTable::Request request = RequestOf("s1");
  request.port_mappings = {{6, 8080, 80, {}}};
  ASSERT_TRUE(agent.leases.Prepare(request).ok());
  request.sandbox = "s2";
  request.port_mappings = {{6, 8080, 80, *IpAddress::Parse("127.0.0.1")}};
  absl::StatusOr<Lease> second = agent.leases.Prepare(request);
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr("hostPort 8080 is in use by pod shop/pod-s1"));
  request.port_mappings[0].protocol = 17;
  EXPECT_TRUE(agent.leases.Prepare(request).ok());
}

TEST(LeaseTable, AFullDiskRefusesThePodAndTakesNoAddress) {
  World world;
  AgentOn agent(&world);
  world.disk_status = absl::ResourceExhaustedError("write: No space left on device");
  absl::StatusOr<Lease> lease = agent.leases.Prepare(RequestOf("s1"));
  EXPECT_EQ(lease.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(DetailsOf(lease.status()), HasSubstr("--state-dir"));
  EXPECT_EQ(agent.leases.Pools()[0].counts.used, 0u);
  world.disk_status = absl::OkStatus();
  EXPECT_TRUE(agent.leases.Prepare(RequestOf("s1")).ok());
}

TEST(LeaseTable, CoolsDownAcrossARestart) {
  World world;
  {
    AgentOn agent(&world, {"10.0.0.0/30"});
    ASSERT_TRUE(agent.leases.Prepare(RequestOf("a")).ok());
    ASSERT_TRUE(agent.leases.Prepare(RequestOf("b")).ok());
    agent.leases.FinishRelease("a/eth0");
    agent.leases.FinishRelease("b/eth0");
  }
  AgentOn again(&world, {"10.0.0.0/30"});
  EXPECT_FALSE(again.leases.Prepare(RequestOf("c")).ok());
  world.clock.Advance(31 * kSecond);
  EXPECT_TRUE(again.leases.Prepare(RequestOf("c")).ok());
  EXPECT_EQ(world.disk.size(), 1u) << "what has cooled down is forgotten";
}

TEST(LeaseTable, GenerationsNeverComeTwice) {
  World world;
  uint32_t last = 0;
  for (int restart = 0; restart < 3; ++restart) {
    AgentOn agent(&world);
    for (int i = 0; i < 3; ++i) {
      const Lease lease = *agent.leases.Prepare(RequestOf("r" + std::to_string(restart) + std::to_string(i)));
      EXPECT_GT(lease.generation, last);
      last = lease.generation;
    }
    if (restart == 1) world.disk.clear();  // and the records are lost as well
    world.clock.Advance(5 * kSecond);
  }
}

TEST(LeaseTable, ANewRangeLeavesPodsOfTheOldOneAlone) {
  World world;
  AgentOn agent(&world, {"10.0.0.0/24"});
  const Lease old = *agent.leases.Prepare(RequestOf("a"));
  agent.leases.SetPools({*IpPrefix::Parse("10.0.1.0/24")});
  EXPECT_EQ(agent.leases.Prepare(RequestOf("b"))->addresses[0].ToString(), "10.0.1.1");
  EXPECT_EQ(agent.leases.Find("a/eth0")->addresses, old.addresses);
  agent.leases.SetPools({*IpPrefix::Parse("10.0.0.0/24")});
  EXPECT_EQ(agent.leases.Prepare(RequestOf("c"))->addresses[0].ToString(), "10.0.0.2");
}

TEST(LeaseTable, WithoutARangeSaysWhatIsMissing) {
  World world;
  AgentOn agent(&world, {});
  EXPECT_EQ(agent.leases.Prepare(RequestOf("a")).status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace fairlead::agent
