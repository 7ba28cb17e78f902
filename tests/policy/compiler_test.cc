// What the compiler promises beyond verdicts: names, sharing, origins, limits, spans.
#include "policy/compiler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/policy/cluster_builder.h"

namespace fairlead::policy::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

ClusterBuilder TwoPods() {
  ClusterBuilder cluster;
  cluster.Namespace("shop").Pod("shop/one", 1, {{"app", "a"}}).Pod("shop/two", 2, {{"app", "a"}});
  return cluster;
}

TEST(Compile, SharesASetAmongPodsOfEqualPolicy) {
  ClusterBuilder cluster = TwoPods();
  cluster.Policy("shop/p", Labels{}).Ingress({}, {Tcp(80)});
  const CompiledPolicy compiled = Compile(cluster);
  EXPECT_THAT(compiled.sets, SizeIs(1));
  EXPECT_EQ(compiled.pods.at("shop/one"), compiled.pods.at("shop/two"));
  EXPECT_THAT(compiled.pods.at("shop/one").egress_set, IsEmpty());
}

TEST(Compile, MakesDifferentSetsOfDifferentPortMaps) {
  ClusterBuilder cluster = TwoPods();
  cluster.last_pod().named_ports = {{"http", Protocol::kTcp, 80}};
  cluster.Policy("shop/p", Labels{}).Ingress({}, {Named("http")});
  const CompiledPolicy compiled = Compile(cluster);
  EXPECT_NE(compiled.pods.at("shop/one").ingress_set, compiled.pods.at("shop/two").ingress_set);
}

TEST(Compile, IgnoresPortNamesThatNoRuleMentions) {
  ClusterBuilder cluster = TwoPods();
  cluster.last_pod().named_ports = {{"http", Protocol::kTcp, 80}};
  cluster.Policy("shop/p", Labels{}).Ingress({}, {Tcp(80)});
  EXPECT_THAT(Compile(cluster).sets, SizeIs(1));
}

TEST(Compile, KeepsASetsNameWhilePodsComeAndGo) {
  ClusterBuilder cluster = TwoPods();
  cluster.Policy("shop/p", Labels{}).Ingress({Pods({{"app", "a"}})});
  const CompiledPolicy before = Compile(cluster);
  cluster.Pod("shop/three", 3, {{"app", "a"}});
  const CompiledPolicy after = Compile(cluster);
  EXPECT_EQ(before.sets, after.sets);
  EXPECT_NE(before.groups, after.groups);
  EXPECT_EQ(before.groups.begin()->first, after.groups.begin()->first);
}

// Names are part of what agents keep on disk and of what replicas must agree on.
TEST(Compile, NamesAreTheSameInEveryProcessAndVersion) {
  ClusterBuilder cluster = TwoPods();
  cluster.Policy("shop/p", Labels{}).Ingress({Pods({{"app", "a"}})}, {Tcp(80)});
  const CompiledPolicy compiled = Compile(cluster);
  EXPECT_EQ(compiled.groups.begin()->first, "group-a1054c8b00f99754fa5059762a00a261");
  EXPECT_EQ(compiled.sets.begin()->first, "set-18ba6da5c6574e34c61ea146988a8bff");
}

TEST(Compile, EndsEverySetWithADenyThatNamesThePoliciesThatIsolate) {
  ClusterBuilder cluster = TwoPods();
  cluster.Policy("shop/b", Labels{}).Ingress({}, {Tcp(80)});
  cluster.Policy("shop/a", Labels{}).Ingress().Egress();
  cluster.Policy("shop/other", {{"app", "b"}}).Ingress();
  const CompiledPolicy compiled = Compile(cluster);
  const PolicySet& set = compiled.sets.at(compiled.pods.at("shop/one").ingress_set);
  ASSERT_THAT(set.rules, SizeIs(2));
  EXPECT_EQ(set.rules[0].origin.name, "b");
  EXPECT_EQ(set.rules[0].origin.place, "spec.ingress[0]");
  const Rule& deny = set.rules[1];
  EXPECT_EQ(deny.action, Action::kDeny);
  EXPECT_TRUE(deny.any_peer && deny.any_port);
  EXPECT_EQ(deny.origin.place, "default deny");
  EXPECT_THAT(deny.origin.isolating, ElementsAre("shop/a", "shop/b"));
}

TEST(Compile, MakesOneRuleOfEachNumberOfANamedEgressPort) {
  ClusterBuilder cluster;
  cluster.Namespace("shop");
  cluster.Pod("shop/one", 1, {{"app", "a"}}, {{"http", Protocol::kTcp, 80}});
  cluster.Pod("shop/two", 2, {{"app", "a"}}, {{"http", Protocol::kTcp, 8080}});
  cluster.Policy("shop/p", Labels{}).Egress({Pods({{"app", "a"}})}, {Named("http"), Tcp(443)});
  const CompiledPolicy compiled = Compile(cluster);
  const PolicySet& set = compiled.sets.at(compiled.pods.at("shop/one").egress_set);
  ASSERT_THAT(set.rules, SizeIs(4));
  EXPECT_EQ(set.rules[0].origin.place, "spec.egress[0]");
  EXPECT_EQ(set.rules[1].origin.place, "spec.egress[0], port http = 80");
  EXPECT_EQ(set.rules[2].origin.place, "spec.egress[0], port http = 8080");
  ASSERT_THAT(set.rules[2].peers, SizeIs(1));
  const AddressGroup& group = compiled.groups.at(set.rules[2].peers[0]);
  EXPECT_TRUE(group.Contains(*IpAddress::Parse("10.244.0.2")));
  EXPECT_FALSE(group.Contains(*IpAddress::Parse("10.244.0.1")));
  EXPECT_EQ(group.description, "pods app=a in namespace shop whose port http is 8080/TCP");
}

TEST(Compile, ASetThatDoesNotFitIsOneThatNoNodeTakes) {
  ClusterBuilder cluster = TwoPods();
  PolicyBuilder rules = cluster.Policy("shop/large", Labels{});
  for (int i = 0; i < 2 * kMaxRulesPerSet; ++i) rules.Ingress({}, {Tcp(static_cast<uint16_t>(1 + i))});
  const CompiledPolicy compiled = Compile(cluster);
  const std::string& name = compiled.pods.at("shop/one").ingress_set;
  EXPECT_THAT(compiled.oversized, ElementsAre(::testing::Pair(name, 2 * kMaxRulesPerSet + 1)));
  ASSERT_THAT(compiled.sets.at(name).rules, SizeIs(kMaxRulesPerSet + 1));
  const Rule& last = compiled.sets.at(name).rules.back();
  EXPECT_EQ(last.action, Action::kDeny);
  EXPECT_THAT(last.origin.isolating, ElementsAre("shop/large"));
  EXPECT_EQ(last.origin.place, "default deny; 32769 rules, at most 16384 fit");
}

TEST(Compile, FillsASetToItsLastRule) {
  ClusterBuilder cluster = TwoPods();
  PolicyBuilder rules = cluster.Policy("shop/large", Labels{});
  for (int i = 0; i < kMaxRulesPerSet - 1; ++i) rules.Ingress({}, {Tcp(static_cast<uint16_t>(1 + i))});
  const CompiledPolicy compiled = Compile(cluster);
  EXPECT_THAT(compiled.oversized, IsEmpty());
  EXPECT_THAT(compiled.sets.begin()->second.rules, SizeIs(kMaxRulesPerSet));
}

TEST(Compile, MakesNoGroupsOfRulesThatMeanNothing) {
  ClusterBuilder cluster = TwoPods();
  cluster.Policy("shop/p", Labels{}).Ingress();
  Cluster with_ignored = cluster;
  with_ignored.policies.at("shop/p").egress = {{.peers = {Pods({{"app", "a"}})}}};
  EXPECT_THAT(Compile(with_ignored).groups, IsEmpty());
}

TEST(SpanOf, HoldsWhatTheNodesOwnPodsMention) {
  ClusterBuilder cluster = TwoPods();
  cluster.last_pod().node = "node-2";
  cluster.Namespace("far").Pod("far/pod", 3);
  cluster.last_pod().node = "node-2";
  cluster.Policy("shop/p", Labels{}).Ingress({Pods({{"app", "a"}})});
  cluster.Policy("far/p", Labels{}).Ingress({Pods({})});
  const Cluster built = cluster;
  const CompiledPolicy compiled = Compile(built);
  const NodeSpan span = SpanOf(compiled, built, "node-1");
  EXPECT_THAT(span.pods, ElementsAre("shop/one"));
  EXPECT_THAT(span.sets, ElementsAre(compiled.pods.at("shop/one").ingress_set));
  EXPECT_THAT(span.groups, SizeIs(1));
  EXPECT_THAT(SpanOf(compiled, built, "node-2").groups, SizeIs(2));
  EXPECT_THAT(SpanOf(compiled, built, "node-3").pods, IsEmpty());
}

}  // namespace
}  // namespace fairlead::policy::testing
