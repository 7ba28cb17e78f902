// Where an object is in force, while its parts travel to agents that take their time.
#include "controller/sync/realisation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "absl/strings/str_cat.h"
#include "tests/controller/kept_link.h"
#include "tests/controller/manifests.h"
#include "tests/controller/objects.h"

namespace fairlead::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ClusterSettings Settings() {
  ClusterSettings settings;
  settings.service_cidrs = {*IpPrefix::Parse("10.96.0.0/16")};
  return settings;
}

class RealisationTest : public ::testing::Test {
 protected:
  RealisationTest() : store_(Settings()), hub_(&store_) { Put(""); }

  // Besides two nodes with a pod each, the first of them of app a.
  void Put(const std::string& text) {
    hub_.SetObjects(ObjectsOf(NodeYaml("n1", 1) + NodeYaml("n2", 2) + PodYaml("p1", "n1", "a") +
                              PodYaml("p2", "n2", "b") + ServiceYaml("s", "a") + text),
                    ++watermark_);
  }
  void Connect(const std::string& node) {
    HelloMessage hello;
    hello.protocol_version = kProtocolVersion;
    hello.node = node;
    ASSERT_TRUE(hub_.OnHello(&links_[node], hello).ok());
  }
  void Take(const std::string& node) {
    while (std::optional<Push> push = std::exchange(links_[node].last, std::nullopt))
      ASSERT_TRUE(hub_.OnAck(&links_[node], push->nonce).ok());
  }
  void ConnectAndTake() {
    for (const char* node : {"n1", "n2"}) {
      Connect(node);
      Take(node);
    }
  }

  // "n1 late", sorted by node.
  std::vector<std::string> Of(const char* kind, const char* name) const {
    std::vector<std::string> all;
    for (const NodeRealisation& node : RealisationOf({kind, "shop", name}, store_, hub_)) {
      constexpr const char* kWords[] = {"realised", "late", "refused", "not connected"};
      all.push_back(absl::StrCat(node.node, " ", kWords[static_cast<int>(node.state)]));
      EXPECT_EQ(node.message.empty(), node.state == NodeRealisation::State::kRealised) << all.back();
    }
    return all;
  }

  Store store_;
  Hub hub_;
  std::map<std::string, KeptLink> links_;
  uint64_t watermark_ = 0;
};

TEST_F(RealisationTest, APolicyConcernsTheNodesOfItsPodsAlone) {
  ConnectAndTake();
  Put(PolicyYaml("y", "a", "b"));
  EXPECT_THAT(Of("NetworkPolicy", "y"), ElementsAre("n1 late"));
  Take("n1");
  EXPECT_THAT(Of("NetworkPolicy", "y"), ElementsAre("n1 realised"));
  EXPECT_THAT(Of("NetworkPolicy", "none"), IsEmpty());
}

TEST_F(RealisationTest, ANewVersionOfAPolicyIsLateUntilItIsTaken) {
  Put(PolicyYaml("y", "a", "b"));
  ConnectAndTake();
  ASSERT_THAT(Of("NetworkPolicy", "y"), ElementsAre("n1 realised"));
  Put(PolicyYaml("y", "a", "c"));
  EXPECT_THAT(Of("NetworkPolicy", "y"), ElementsAre("n1 late"));
  Take("n1");
  EXPECT_THAT(Of("NetworkPolicy", "y"), ElementsAre("n1 realised"));
}

TEST_F(RealisationTest, ANodeWhosePodsLeaveAPolicyCountsUntilTheyHaveLeft) {
  Put(PolicyYaml("y", "a", "b"));
  ConnectAndTake();
  Put(PolicyYaml("y", "nobody", "b"));
  EXPECT_THAT(Of("NetworkPolicy", "y"), ElementsAre("n1 late"));
  Take("n1");
  EXPECT_THAT(Of("NetworkPolicy", "y"), IsEmpty());
}

TEST_F(RealisationTest, ADeletedPolicyIsLateWhereItStillHolds) {
  Put(PolicyYaml("y", "a", "b"));
  ConnectAndTake();
  Put("");
  EXPECT_THAT(Of("NetworkPolicy", "y"), ElementsAre("n1 late"));
  Take("n1");
  EXPECT_THAT(Of("NetworkPolicy", "y"), IsEmpty());
}

TEST_F(RealisationTest, AMemberOfAGroupThatThePolicyNamesMakesItLate) {
  Put(PolicyYaml("y", "a", "b"));
  ConnectAndTake();
  ReportedEndpoint reported;
  reported.pod_uid = "uid-p2";
  reported.addresses = {*IpAddress::Parse("10.244.2.9")};
  ASSERT_TRUE(hub_.OnReport(&links_["n2"], {reported}, {}).ok());
  EXPECT_THAT(Of("NetworkPolicy", "y"), ElementsAre("n1 late"));
  Take("n1");
  EXPECT_THAT(Of("NetworkPolicy", "y"), ElementsAre("n1 realised"));
}

TEST_F(RealisationTest, AServiceConcernsEveryNode) {
  ConnectAndTake();
  EXPECT_THAT(Of("Service", "s"), ElementsAre("n1 realised", "n2 realised"));
  Put(ServiceYaml("new", "a"));
  Take("n2");
  EXPECT_THAT(Of("Service", "new"), ElementsAre("n1 late", "n2 realised"));
  EXPECT_THAT(Of("Service", "s"), ElementsAre("n1 realised", "n2 realised")) << "another one is on its way";
}

TEST_F(RealisationTest, AnAgentThatIsAwayOrNewHoldsNothingForSure) {
  Put(PolicyYaml("y", "a", "b"));
  EXPECT_THAT(Of("NetworkPolicy", "y"), ElementsAre("n1 not connected"));
  Connect("n1");
  EXPECT_THAT(Of("NetworkPolicy", "y"), ElementsAre("n1 late"));
  EXPECT_THAT(Of("Service", "s"), ElementsAre("n1 late", "n2 not connected"));
  Take("n1");
  EXPECT_THAT(Of("NetworkPolicy", "y"), ElementsAre("n1 realised"));
  hub_.OnGone(&links_["n1"]);
  EXPECT_THAT(Of("NetworkPolicy", "y"), ElementsAre("n1 not connected"));
}

TEST_F(RealisationTest, WhatAnAgentCannotHoldIsRefusedThere) {
  ConnectAndTake();
  Put(ServiceYaml("big", "a"));
  const uint64_t nonce = std::exchange(links_["n1"].last, std::nullopt)->nonce;
  ASSERT_TRUE(
      hub_.OnNack(&links_["n1"], nonce, {{{ResourceKind::kService, "shop/big"}, "map frontend is full"}})
          .ok());
  Take("n1");
  Take("n2");
  EXPECT_THAT(Of("Service", "big"), ElementsAre("n1 refused", "n2 realised"));
  EXPECT_EQ(RealisationOf({"Service", "shop", "big"}, store_, hub_)[0].message, "map frontend is full");
}

TEST_F(RealisationTest, AControllerThatHasJustStartedWaitsForAllNodesBeforeItTellsAny) {
  hub_.WaitForNodes();
  EXPECT_THAT(hub_.AwaitedNodes(), ElementsAre("n1", "n2"));
  Connect("n1");
  EXPECT_FALSE(links_["n1"].last) << "it would take the backends of n2 away";
  EXPECT_THAT(hub_.AwaitedNodes(), ElementsAre("n2"));
  Connect("n2");
  EXPECT_TRUE(links_["n1"].last);
  EXPECT_TRUE(links_["n2"].last);
  EXPECT_THAT(hub_.AwaitedNodes(), IsEmpty());
}

TEST_F(RealisationTest, ItWaitsForNoNodeWithoutPodsNorForEver) {
  hub_.WaitForNodes();
  hub_.SetObjects(ObjectsOf(NodeYaml("n1", 1) + NodeYaml("n2", 2) + NodeYaml("n3", 3) + PodYaml("p1", "n1")),
                  ++watermark_);
  Connect("n1");
  EXPECT_TRUE(links_["n1"].last) << "n2 and n3 have no pods";

  Hub other(&store_);
  Put("");
  other.WaitForNodes();
  other.EndWait();
  KeptLink link;
  HelloMessage hello;
  hello.protocol_version = kProtocolVersion;
  hello.node = "n1";
  ASSERT_TRUE(other.OnHello(&link, hello).ok());
  EXPECT_TRUE(link.last);
}

}  // namespace
}  // namespace fairlead::controller
