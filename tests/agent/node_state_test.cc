#include "agent/node_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/agent/resources.h"

namespace fairlead::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// config, one group, one set, one pod.
void Fill(NodeState& state) {
  ASSERT_THAT(state.Stage({ConfigOf("node-1"), GroupOf("g", {"10.0.0.1/32"}), SetOf("s", "g"),
                           PodOf("uid-1", "cart-0", "s"), ServiceOf("cart", {"10.244.1.5"})}),
              IsEmpty());
  state.Commit();
}

const policy::AddressGroup& Group(const NodeState& state) {
  return state.desired().groups.at("g");
}

TEST(NodeState, HoldsWhatWasCommitted) {
  NodeState state("node-1");
  Fill(state);
  EXPECT_EQ(state.versions().size(), 5u);
  EXPECT_EQ(state.desired().sets.size(), 1u);
  EXPECT_TRUE(state.has_config());
}

TEST(NodeState, TakesNothingOfAPushWithOneBadResource) {
  NodeState state("node-1");
  Fill(state);
  const auto errors =
      state.Stage({GroupOf("g", {"10.0.0.2/32"}, "2"), PodOf("uid-2", "cart-1", "no such set")});
  ASSERT_THAT(errors, SizeIs(1));
  EXPECT_EQ(errors[0].id.name, "uid-2");
  EXPECT_THAT(errors[0].message, HasSubstr("pod shop/cart-1 mentions PolicySet no such set"));
  EXPECT_EQ(Group(state).members[0], Prefix("10.0.0.1/32"));
  EXPECT_EQ(state.versions().at({ResourceKind::kAddressGroup, "g"}), "1");
  EXPECT_EQ(state.FindPod("uid-2", "shop", "cart-1"), nullptr);
}

TEST(NodeState, RollsBackToTheStateBefore) {
  NodeState state("node-1");
  Fill(state);
  const auto versions = state.versions();
  const auto services = state.desired().services;
  ASSERT_THAT(state.Stage({Removal(ResourceKind::kEndpoint, "uid-1"), Removal(ResourceKind::kPolicySet, "s"),
                           Removal(ResourceKind::kAddressGroup, "g"), ServiceOf("cart", {"10.244.1.6"}, "2"),
                           ServiceOf("new", {}), NodeOf("node-1", "192.0.2.1"), ConfigOf("node-1", "2")}),
              IsEmpty());
  EXPECT_EQ(state.desired().settings.node_addresses, std::vector{Address("192.0.2.1")});
  state.Rollback();
  EXPECT_EQ(state.versions(), versions);
  EXPECT_EQ(state.desired().services, services);
  EXPECT_THAT(state.desired().settings.node_addresses, IsEmpty());
  EXPECT_NE(state.FindPod("uid-1", "shop", "cart-0"), nullptr);
  EXPECT_NE(state.FindPod("", "shop", "cart-0"), nullptr);
}

TEST(NodeState, AppliesAGroupDeltaToTheVersionItNames) {
  NodeState state("node-1");
  Fill(state);
  AddressGroupDelta delta{"1", {Prefix("10.0.0.7/32")}, {Prefix("10.0.0.1/32")}};
  ASSERT_THAT(state.Stage({{{ResourceKind::kAddressGroup, "g"}, "2", delta}}), IsEmpty());
  state.Commit();
  EXPECT_EQ(Group(state).members, std::vector{Prefix("10.0.0.7/32")});
  EXPECT_EQ(state.versions().at({ResourceKind::kAddressGroup, "g"}), "2");
}

TEST(NodeState, RefusesADeltaToAnotherVersion) {
  NodeState state("node-1");
  Fill(state);
  const auto errors = state.Stage(
      {{{ResourceKind::kAddressGroup, "g"}, "3", AddressGroupDelta{"2", {Prefix("10.0.0.7/32")}, {}}}});
  ASSERT_THAT(errors, SizeIs(1));
  EXPECT_THAT(errors[0].message, HasSubstr("change to version 2, this agent holds 1"));
}

TEST(NodeState, RefusesADeltaThatAddsWhatIsThereOrRemovesWhatIsNot) {
  NodeState state("node-1");
  Fill(state);
  const ResourceId id{ResourceKind::kAddressGroup, "g"};
  EXPECT_THAT(state.Stage({{id, "2", AddressGroupDelta{"1", {Prefix("10.0.0.1/32")}, {}}}}), SizeIs(1));
  EXPECT_THAT(state.Stage({{id, "2", AddressGroupDelta{"1", {}, {Prefix("10.0.0.9/32")}}}}), SizeIs(1));
}

TEST(NodeState, AppliesAServiceDeltaToThePortItNames) {
  NodeState state("node-1");
  Fill(state);
  const ResourceId id{ResourceKind::kService, "shop/cart"};
  const datapath::ServiceBackend added{Address("10.244.1.9"), 8080, "shop/cart-9", "", false};
  EXPECT_THAT(state.Stage({{id, "2", ServiceDelta{"1", {{1, {added}, {}}}}}}), SizeIs(1))
      << "there is no second port";
  ASSERT_THAT(state.Stage({{id, "2", ServiceDelta{"1", {{0, {added}, {}}}}}}), IsEmpty());
  EXPECT_THAT(state.desired().services.at("shop/cart").ports[0].backends, SizeIs(2));
}

TEST(NodeState, RefusesToRemoveWhatIsMentioned) {
  NodeState state("node-1");
  Fill(state);
  EXPECT_THAT(state.Stage({Removal(ResourceKind::kPolicySet, "s")}), SizeIs(1));
  EXPECT_THAT(state.Stage({Removal(ResourceKind::kAddressGroup, "g")}), SizeIs(1));
  EXPECT_THAT(state.Stage({Removal(ResourceKind::kNodeConfig, "node-1")}), SizeIs(1));
}

TEST(NodeState, RefusesASetOfTheOtherDirection) {
  NodeState state("node-1");
  Fill(state);
  const auto errors =
      state.Stage({SetOf("out", "g", policy::Direction::kEgress), PodOf("uid-2", "cart-1", "out")});
  ASSERT_THAT(errors, SizeIs(1));
  EXPECT_THAT(errors[0].message, HasSubstr("other direction"));
}

TEST(NodeState, RefusesTheConfigOfAnotherNode) {
  NodeState state("node-1");
  const auto errors = state.Stage({ConfigOf("node-2")});
  ASSERT_THAT(errors, SizeIs(1));
  EXPECT_THAT(errors[0].message, HasSubstr("this is the agent of node node-1"));
}

TEST(NodeState, FindsAStaticPodByItsName) {
  NodeState state("node-1");
  Fill(state);
  EXPECT_EQ(state.FindPod("uid-of-the-kubelet", "shop", "cart-0")->uid, "uid-1");
  EXPECT_EQ(state.FindPod("uid-of-the-kubelet", "shop", "cart-7"), nullptr);
}

TEST(NodeState, ANewPodOfTheSameNameTakesTheNameOver) {
  NodeState state("node-1");
  Fill(state);
  ASSERT_THAT(state.Stage({PodOf("uid-2", "cart-0", "s"), Removal(ResourceKind::kEndpoint, "uid-1")}),
              IsEmpty());
  EXPECT_EQ(state.FindPod("", "shop", "cart-0")->uid, "uid-2");
}

TEST(NodeStateTest, TheDigestDependsOnContentAlone) {
  NodeState one("node-1"), other("node-1");
  const std::string empty = one.Digest();
  ASSERT_THAT(one.Stage({ConfigOf("node-1"), GroupOf("g", {"10.0.0.1/32"}), SetOf("s", "g")}), IsEmpty());
  one.Commit();
  ASSERT_THAT(other.Stage({GroupOf("g", {"10.0.0.1/32"}), SetOf("s", "g")}), IsEmpty());
  other.Commit();
  EXPECT_NE(one.Digest(), other.Digest());
  ASSERT_THAT(other.Stage({ConfigOf("node-1")}), IsEmpty());
  EXPECT_EQ(one.Digest(), other.Digest());
  other.Rollback();
  EXPECT_NE(one.Digest(), other.Digest());

  Change newer = GroupOf("g", {"10.0.0.1/32"});
  newer.version += "-newer";
  const std::string before = one.Digest();
  ASSERT_THAT(one.Stage({newer}), IsEmpty());
  EXPECT_NE(one.Digest(), before);
  one.Rollback();
  EXPECT_EQ(one.Digest(), before);
  EXPECT_NE(empty, before);
}

}  // namespace
}  // namespace fairlead::agent
