#include "agent/pods/pods.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/details.h"
#include "tests/pods/world.h"

namespace fairlead::agent {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

class PodsTest : public ::testing::Test {
 protected:
  // Both halves of an ADD; the answer, if there was one at once.
  std::optional<absl::Status> Add(AgentOn& agent, const std::string& sandbox) {
    absl::StatusOr<Lease> lease = agent.pods.Prepare(RequestOf(sandbox));
    if (!lease.ok()) return lease.status();
    return Commit(agent, sandbox, world_.MakeLink(lease->host_interface));
  }
  std::optional<absl::Status> Commit(AgentOn& agent, const std::string& sandbox, uint32_t ifindex) {
    agent.pods.Commit(sandbox + "/eth0", ifindex, [this](const absl::Status& status) { answer_ = status; });
    return answer_;
  }
  std::string LinkOf(const std::string& sandbox) const { return HostInterfaceName(sandbox + "/eth0"); }

  World world_;
  std::optional<absl::Status> answer_;
};

TEST_F(PodsTest, AddAttachesThenBringsUpThenApplies) {
  world_.known_pods = {"uid-s1"};
  AgentOn agent(&world_);
  ASSERT_EQ(Add(agent, "s1"), absl::OkStatus());
  const uint32_t ifindex = world_.links.at(LinkOf("s1"));
  EXPECT_TRUE(agent.datapath.attached.contains(ifindex));
  EXPECT_TRUE(world_.up.contains(ifindex));
  EXPECT_THAT(world_.applied, Contains("s1/eth0"));
  ASSERT_EQ(agent.pods.Endpoints().size(), 1u);
  EXPECT_EQ(agent.pods.Endpoints()[0].ifindex, ifindex);
}

TEST_F(PodsTest, AFailedAttachLeavesTheLinkDownAndGone) {
  world_.known_pods = {"uid-s1"};
  AgentOn agent(&world_);
  agent.datapath.attach_status = absl::InternalError("attach: EPERM");
  EXPECT_EQ(Add(agent, "s1")->code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(world_.up.empty());
  EXPECT_TRUE(world_.links.empty());
  EXPECT_TRUE(agent.leases.live().empty());
}

TEST_F(PodsTest, AnAddThatCannotBeRecordedLeavesNoProgram) {
  AgentOn agent(&world_);
  const Lease lease = *agent.pods.Prepare(RequestOf("s1"));
  const uint32_t ifindex = world_.MakeLink(lease.host_interface);
  world_.known_pods = {"uid-s1"};
  world_.disk_status = absl::ResourceExhaustedError("write: No space left on device");
  absl::Status status;
  agent.pods.Commit(lease.key(), ifindex, [&](const absl::Status& done) { status = done; });
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(world_.links.empty());
  EXPECT_TRUE(agent.datapath.attached.empty());
}

TEST_F(PodsTest, APolicyThatTheDatapathRefusesFailsTheAdd) {
  world_.known_pods = {"uid-s1"};
  AgentOn agent(&world_);
  world_.apply_status = absl::ResourceExhaustedError("row_word is full");
  EXPECT_EQ(Add(agent, "s1")->code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(world_.links.empty());
}

TEST_F(PodsTest, AnAddWaitsForThePolicy) {
  AgentOn agent(&world_);
  EXPECT_EQ(Add(agent, "s1"), std::nullopt);
  EXPECT_TRUE(world_.up.empty()) << "nothing moves before";
  agent.pods.OnApplied();
  EXPECT_EQ(answer_, std::nullopt);
  world_.known_pods = {"uid-s1"};
  agent.pods.OnApplied();
  EXPECT_EQ(answer_, absl::OkStatus());
}

TEST_F(PodsTest, AnAddWithoutPolicyFailsClosedInTheEnd) {
  AgentOn agent(&world_);
  ASSERT_EQ(Add(agent, "s1"), std::nullopt);
  agent.loop->After(std::chrono::seconds(60), [&] { agent.loop->Stop(); });
  std::function<void()> poll = [&] {
    if (answer_) {
      agent.loop->Stop();
    } else {
      agent.loop->After(std::chrono::milliseconds(1), poll);
    }
  };
  poll();
  agent.loop->Run();
  ASSERT_TRUE(answer_);
  EXPECT_EQ(answer_->code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(answer_->message()), HasSubstr("shop/pod-s1"));
  EXPECT_THAT(DetailsOf(*answer_), HasSubstr("fairlead status"));
  EXPECT_TRUE(world_.links.empty());
  EXPECT_EQ(agent.leases.Pools()[0].counts.cooling, 1u);
}

TEST_F(PodsTest, ADelWhileAnAddWaitsEndsBoth) {
  AgentOn agent(&world_);
  ASSERT_EQ(Add(agent, "s1"), std::nullopt);
  EXPECT_TRUE(agent.pods.Release("s1/eth0").ok());
  ASSERT_TRUE(answer_);
  EXPECT_EQ(answer_->code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(world_.links.empty());
}

TEST_F(PodsTest, ACommitAfterADelFails) {
  AgentOn agent(&world_);
  absl::StatusOr<Lease> lease = agent.pods.Prepare(RequestOf("s1"));
  ASSERT_TRUE(agent.pods.Release("s1/eth0").ok());
  EXPECT_EQ(Commit(agent, "s1", world_.MakeLink(lease->host_interface))->code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(agent.pods.Reconcile().ok());
  EXPECT_TRUE(world_.links.empty()) << "and the link that came too late is swept";
}

TEST_F(PodsTest, ACommitOfAnotherDeviceIsRefused) {
  world_.known_pods = {"uid-s1"};
  AgentOn agent(&world_);
  absl::StatusOr<Lease> lease = agent.pods.Prepare(RequestOf("s1"));
  EXPECT_EQ(Commit(agent, "s1", world_.MakeLink(lease->host_interface) + 1)->code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(PodsTest, DelIsIdempotentAndTakesEverythingAway) {
  world_.known_pods = {"uid-s1"};
  AgentOn agent(&world_);
  ASSERT_EQ(Add(agent, "s1"), absl::OkStatus());
  EXPECT_TRUE(agent.pods.Release("s1/eth0").ok());
  EXPECT_TRUE(agent.pods.Release("s1/eth0").ok());
  EXPECT_TRUE(agent.pods.Release("never/eth0").ok());
  EXPECT_TRUE(world_.links.empty());
  EXPECT_TRUE(agent.datapath.attached.empty());
  EXPECT_TRUE(agent.pods.Endpoints().empty());
  EXPECT_EQ(agent.leases.Pools()[0].counts.cooling, 1u);
}

TEST_F(PodsTest, AFullDiskDoesNotKeepAPodFromGoing) {
  world_.known_pods = {"uid-s1"};
  AgentOn agent(&world_);
  ASSERT_EQ(Add(agent, "s1"), absl::OkStatus());
  world_.disk_status = absl::ResourceExhaustedError("write: No space left on device");
  EXPECT_TRUE(agent.pods.Release("s1/eth0").ok());
  EXPECT_TRUE(world_.links.empty());
  EXPECT_TRUE(agent.pods.Endpoints().empty());
  AgentOn again(&world_);
  EXPECT_TRUE(again.leases.live().empty()) << "the record that was left says committed, but its link is gone";
}

TEST_F(PodsTest, APluginThatGoesAwayLeavesNothing) {
  AgentOn agent(&world_);
  absl::StatusOr<Lease> lease = agent.pods.Prepare(RequestOf("s1"));
  world_.MakeLink(lease->host_interface);
  agent.pods.Abandon("s1/eth0");
  EXPECT_TRUE(world_.links.empty());
  EXPECT_TRUE(agent.leases.live().empty());
}

TEST_F(PodsTest, ARepeatedAddThatIsGivenUpKeepsThePod) {
  world_.known_pods = {"uid-s1"};
  AgentOn agent(&world_);
  ASSERT_EQ(Add(agent, "s1"), absl::OkStatus());
  ASSERT_TRUE(agent.pods.Prepare(RequestOf("s1")).ok());
  agent.pods.Abandon("s1/eth0");
  EXPECT_EQ(agent.pods.Endpoints().size(), 1u);
  EXPECT_EQ(world_.links.size(), 1u);
}

TEST_F(PodsTest, ARestartAdoptsWhatLivesAndReleasesTheRest) {
  world_.known_pods = {"uid-live", "uid-gone"};
  {
    AgentOn agent(&world_);
    ASSERT_EQ(Add(agent, "live"), absl::OkStatus());
    ASSERT_EQ(Add(agent, "gone"), absl::OkStatus());
    absl::StatusOr<Lease> half = agent.pods.Prepare(RequestOf("half"));
    world_.MakeLink(half->host_interface);
  }
  world_.links.erase(LinkOf("gone"));  // the node's own doing, while no agent looked
  world_.MakeLink("flp0000000beef");   // of nobody on record
  AgentOn again(&world_);
  EXPECT_EQ(again.leases.live().size(), 1u);
  EXPECT_TRUE(again.leases.live().contains("live/eth0"));
  EXPECT_EQ(world_.links.size(), 1u);
  EXPECT_TRUE(again.datapath.attached.contains(world_.links.at(LinkOf("live"))));
  EXPECT_EQ(again.leases.Pools()[0].counts.used, 1u);
}

TEST_F(PodsTest, ADeviceOfTheSameNameButAnotherIndexIsNotAdopted) {
  world_.known_pods = {"uid-s1"};
  {
    AgentOn agent(&world_);
    ASSERT_EQ(Add(agent, "s1"), absl::OkStatus());
  }
  world_.MakeLink(LinkOf("s1"));  // after a reboot, for instance
  AgentOn again(&world_);
  EXPECT_TRUE(again.leases.live().empty());
  EXPECT_TRUE(world_.links.empty());
}

TEST_F(PodsTest, ANamespaceThatVanishesIsNoticedTheSecondTime) {
  world_.known_pods = {"uid-s1"};
  AgentOn agent(&world_);
  ASSERT_EQ(Add(agent, "s1"), absl::OkStatus());
  world_.links.clear();
  ASSERT_TRUE(agent.pods.Reconcile().ok());
  EXPECT_EQ(agent.leases.live().size(), 1u) << "the runtime may be about to send its DEL";
  ASSERT_TRUE(agent.pods.Reconcile().ok());
  EXPECT_TRUE(agent.leases.live().empty());
}

TEST_F(PodsTest, ALinkThatSomebodySetDownComesUpAgain) {
  world_.known_pods = {"uid-s1"};
  AgentOn agent(&world_);
  ASSERT_EQ(Add(agent, "s1"), absl::OkStatus());
  const uint32_t ifindex = world_.links.at(LinkOf("s1"));
  ASSERT_TRUE(agent.pods.Prepare(RequestOf("s2")).ok());
  const uint32_t not_committed = world_.MakeLink(LinkOf("s2"));
  world_.up.clear();
  ASSERT_TRUE(agent.pods.Reconcile().ok());
  EXPECT_TRUE(world_.up.contains(ifindex));
  EXPECT_FALSE(world_.up.contains(not_committed)) << "its programs are not attached yet";
}

TEST_F(PodsTest, GcKeepsWhatIsValidOrUnderWay) {
  world_.known_pods = {"uid-a", "uid-b"};
  AgentOn agent(&world_);
  ASSERT_EQ(Add(agent, "a"), absl::OkStatus());
  ASSERT_EQ(Add(agent, "b"), absl::OkStatus());
  ASSERT_TRUE(agent.pods.Prepare(RequestOf("c")).ok());
  ASSERT_TRUE(agent.pods.Collect({"a/eth0"}).ok());
  EXPECT_TRUE(agent.leases.live().contains("a/eth0"));
  EXPECT_FALSE(agent.leases.live().contains("b/eth0"));
  EXPECT_TRUE(agent.leases.live().contains("c/eth0"));
}

TEST_F(PodsTest, CheckComparesRecordLinkAndDatapath) {
  world_.known_pods = {"uid-s1"};
  AgentOn agent(&world_);
  ASSERT_EQ(Add(agent, "s1"), absl::OkStatus());
  const Lease lease = *agent.leases.Find("s1/eth0");
  const std::string mac = "02";  // not that of the pod
  EXPECT_EQ(agent.pods.Check("s1/eth0", mac, lease.addresses).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(agent.pods.Check("s1/eth0", "", {}).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(agent.pods.Check("s2/eth0", "", {}).code(), absl::StatusCode::kNotFound);
  // The datapath was never given the endpoint in this test, and says so.
  EXPECT_THAT(std::string(agent.pods.Check("s1/eth0", "", lease.addresses).message()),
              HasSubstr("never applied"));
  datapath::DesiredState desired;
  desired.endpoints["s1/eth0"] = agent.pods.Endpoints()[0];
  ASSERT_TRUE(agent.datapath.Apply(desired, false).ok());
  EXPECT_TRUE(agent.pods.Check("s1/eth0", "", lease.addresses).ok());
  world_.links.clear();
  EXPECT_THAT(std::string(agent.pods.Check("s1/eth0", "", lease.addresses).message()), HasSubstr("is gone"));
}

TEST_F(PodsTest, APodWhoseRecordIsLostGetsItBackFromItsLink) {
  world_.known_pods = {"uid-s1", "uid-s2"};
  Lease before;
  {
    AgentOn agent(&world_);
    ASSERT_EQ(Add(agent, "s1"), absl::OkStatus());
    before = *agent.leases.Find("s1/eth0");
  }
  world_.neighbours[LinkOf("s1")] = {before.mac, before.addresses};
  world_.disk[before.generation] = "half";
  world_.clock.Advance(1);

  AgentOn agent(&world_);
  EXPECT_EQ(agent.pods.counters().rebuilt, 1u);
  EXPECT_TRUE(agent.leases.Holds(before.generation));
  ASSERT_EQ(agent.pods.Endpoints().size(), 1u);
  const datapath::LocalEndpoint endpoint = agent.pods.Endpoints()[0];
  EXPECT_EQ(endpoint.addresses, before.addresses);
  EXPECT_EQ(endpoint.mac, before.mac);
  EXPECT_EQ(endpoint.pod_uid, "uid-s1");
  EXPECT_EQ(endpoint.generation, before.generation);
  EXPECT_TRUE(world_.links.contains(LinkOf("s1")));
  EXPECT_EQ(DecodeLease(world_.disk[before.generation])->addresses, before.addresses);
  ASSERT_EQ(Add(agent, "s2"), absl::OkStatus());
  EXPECT_NE(agent.leases.Find("s2/eth0")->addresses, before.addresses) << "nobody else gets its addresses";

  EXPECT_TRUE(agent.pods.Release("s1/eth0").ok());
  EXPECT_FALSE(world_.links.contains(LinkOf("s1")));
}

TEST_F(PodsTest, ALinkThatWasNeverCommittedGetsNoRecord) {
  AgentOn(&world_).pods.Prepare(RequestOf("s1")).IgnoreError();
  world_.MakeLink(LinkOf("s1"));
  world_.disk.clear();
  AgentOn agent(&world_);
  EXPECT_EQ(agent.pods.counters().rebuilt, 0u);
  EXPECT_TRUE(world_.links.empty());
}

TEST_F(PodsTest, TwoLinksNeverGetOneAddressBack) {
  world_.known_pods = {"uid-s1", "uid-s2"};
  Lease lease;
  {
    AgentOn agent(&world_);
    ASSERT_EQ(Add(agent, "s1"), absl::OkStatus());
    ASSERT_EQ(Add(agent, "s2"), absl::OkStatus());
    lease = *agent.leases.Find("s1/eth0");
  }
  world_.neighbours[LinkOf("s2")] = {lease.mac, lease.addresses};  // somebody has tampered
  std::erase_if(world_.disk, [&](const auto& record) { return record.first != lease.generation; });
  AgentOn agent(&world_);
  EXPECT_EQ(agent.pods.counters().rebuilt, 0u);
  EXPECT_EQ(agent.leases.live().size(), 1u);
}

}  // namespace
}  // namespace fairlead::agent
