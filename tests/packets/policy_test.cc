// Verdicts of policy sets, and what happens to live connections when they change. That the bit vectors
// say what the API says is compared elsewhere; here: that the programs ask the right question.
#include "tests/packets/packet_fixture.h"

namespace fairlead::packets {
namespace {

using policy::Action;
using policy::AddressGroup;
using policy::Direction;
using policy::PolicySet;
using policy::PortRange;
using policy::Protocol;
using policy::Rule;

Rule DenyAll() {
  Rule rule;
  rule.action = Action::kDeny;
  rule.any_peer = rule.any_port = true;
  return rule;
}

Rule Allow(const std::string& group, std::vector<PortRange> ports) {
  Rule rule;
  rule.peers = {group};
  rule.ports = std::move(ports);
  rule.any_port = rule.ports.empty();
  return rule;
}

class PolicyTest : public PacketTest {
 protected:
  AddressGroup Group(const std::vector<IpAddress>& members) {
    AddressGroup group;
    for (const IpAddress& member : members) group.members.push_back(IpPrefix::Host(member));
    return group;
  }
};
PACKET_TEST_BOTH_FAMILIES(PolicyTest);

TEST_P(PolicyTest, TheFirstRuleThatMatchesDecidesAndIsNamed) {
  world.SetPolicy({{Direction::kIngress, {Allow("a", {{Protocol::kTcp, 80, 89}}), DenyAll()}}},
                  {{"a", Group({a()})}});
  world.Isolate(world.b(), 1, 0);
  Outcome allowed = world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 85});
  ASSERT_TRUE(DeliveredTo(world.b(), allowed));
  EXPECT_EQ(allowed.events[0].rule, 0);
  Outcome denied = world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 90});
  ASSERT_TRUE(DroppedFor(FL_REASON_INGRESS_POLICY, denied));
  EXPECT_EQ(denied.events[0].rule, 1);
  EXPECT_NE(denied.events[0].generation, 0);
  EXPECT_TRUE(DroppedFor(FL_REASON_INGRESS_POLICY, world.FromPod(world.a(), Ip{a(), b()} / Udp{1234, 80})));
  EXPECT_TRUE(DroppedFor(FL_REASON_INGRESS_POLICY, world.FromNode(Ip{outside(), b()} / Tcp{1234, 80})));
}

TEST_P(PolicyTest, TheTraceTellsEntryAndRule) {
  world.SetPolicy({{Direction::kIngress, {Allow("a", {}), DenyAll()}}}, {{"a", Group({a()})}});
  world.Isolate(world.b(), 1, 0);
  fl_trace trace = world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 85}).trace;
  const fl_trace_step* policy = nullptr;
  for (uint32_t i = 0; i < trace.count; ++i)
    if (trace.step[i].kind == FL_TRACE_INGRESS_POLICY) policy = &trace.step[i];
  ASSERT_NE(policy, nullptr);
  EXPECT_EQ(policy->set, 1);
  EXPECT_EQ(policy->rule, 0);
  EXPECT_EQ(policy->map, FL_TRACE_MAP_POLICY_RULE);
  EXPECT_EQ(policy->class_map, FL_TRACE_MAP_CLASS_BY_ADDRESS);
  EXPECT_EQ(FromAbi(policy->address), a());
  EXPECT_EQ(policy->endpoint, world.b().index);
}

TEST_P(PolicyTest, EgressIsAskedAboutTheServerAndIngressAboutTheClient) {
  world.SetPolicy(
      {{Direction::kEgress, {Allow("b", {}), DenyAll()}}, {Direction::kIngress, {Allow("a", {}), DenyAll()}}},
      {{"a", Group({a()})}, {"b", Group({b()})}});
  world.Isolate(world.a(), 0, 1);
  world.Isolate(world.b(), 2, 0);
  EXPECT_TRUE(DeliveredTo(world.b(), world.FromPod(world.a(), Ip{a(), b()} / Tcp{1, 2})));
  EXPECT_TRUE(DroppedFor(FL_REASON_EGRESS_POLICY, world.FromPod(world.a(), Ip{a(), remote()} / Tcp{1, 2})));
  EXPECT_TRUE(DroppedFor(FL_REASON_EGRESS_POLICY, world.FromPod(world.a(), Ip{a(), node()} / Tcp{1, 2})));
  EXPECT_TRUE(DroppedFor(FL_REASON_INGRESS_POLICY, world.FromNode(Ip{remote(), b()} / Tcp{1, 2})));
}

TEST_P(PolicyTest, APrefixMatchesWhatItCovers) {
  AddressGroup group;
  group.members = {*IpPrefix::Parse(ipv6() ? "2001:db8::/32" : "198.51.0.0/16")};
  group.exceptions = {*IpPrefix::Parse(ipv6() ? "2001:db8:1::/48" : "198.51.200.0/24")};
  world.SetPolicy({{Direction::kIngress, {Allow("net", {}), DenyAll()}}}, {{"net", group}});
  world.Isolate(world.b(), 1, 0);
  IpAddress except = Address(ipv6() ? "2001:db8:1::1" : "198.51.200.1");
  EXPECT_TRUE(DeliveredTo(world.b(), world.FromNode(Ip{outside(), b()} / Tcp{1, 2})));
  EXPECT_TRUE(DroppedFor(FL_REASON_INGRESS_POLICY, world.FromNode(Ip{except, b()} / Tcp{1, 2})));
}

TEST_P(PolicyTest, TheLastOfSixteenThousandRulesIsFound) {
  std::vector<Rule> rules(9000, Allow("nobody", {}));
  rules.push_back(Allow("a", {{Protocol::kUdp, 53, 53}}));
  rules.push_back(DenyAll());
  world.SetPolicy({{Direction::kIngress, rules}},
                  {{"a", Group({a()})}, {"nobody", Group({Address("192.0.2.99")})}});
  world.Isolate(world.b(), 1, 0);
  Outcome allowed = world.FromPod(world.a(), Ip{a(), b()} / Udp{1234, 53});
  ASSERT_TRUE(DeliveredTo(world.b(), allowed));
  EXPECT_EQ(allowed.events[0].rule, 9000);
  EXPECT_EQ(world.FromPod(world.a(), Ip{a(), b()} / Udp{1234, 54}).events[0].rule, 9001);
}

TEST_P(PolicyTest, RulesThatLieFarApartInSparseRowsAreFound) {
  // Peer "a" and port 80 have a few rules each, in words and summary words that lie apart; one in common.
  constexpr uint16_t kRules = 16'000;
  for (const uint16_t common : {uint16_t{70}, uint16_t{4100}, uint16_t{9001}, uint16_t{15'990}}) {
    std::vector<Rule> rules(kRules, Allow("nobody", {{Protocol::kTcp, 81, 81}}));
    for (uint16_t i = 3; i < kRules; i += 777) rules[i] = Allow("a", {{Protocol::kTcp, 81, 81}});
    for (uint16_t i = 5; i < kRules; i += 901) rules[i] = Allow("nobody", {{Protocol::kTcp, 80, 80}});
    rules[common] = Allow("a", {{Protocol::kTcp, 80, 80}});
    rules.push_back(DenyAll());
    world.SetPolicy({{Direction::kIngress, rules}}, {{"a", Group({a()})}, {"nobody", {}}});
    world.Isolate(world.b(), 1, 0);
    const Outcome allowed = world.FromPod(world.a(), Ip{a(), b()} / Tcp{common, 80});
    ASSERT_TRUE(DeliveredTo(world.b(), allowed)) << common;
    EXPECT_EQ(allowed.events[0].rule, common);
    const Outcome denied = world.FromPod(world.a(), Ip{a(), b()} / Tcp{common, 82});
    ASSERT_TRUE(DroppedFor(FL_REASON_INGRESS_POLICY, denied));
    EXPECT_EQ(denied.events[0].rule, kRules);
  }
}

TEST_P(PolicyTest, AConnectionThatIsNoLongerAdmittedEndsWithItsNextPacket) {
  std::map<std::string, AddressGroup> groups = {{"a", Group({a()})}};
  PolicySet set{Direction::kIngress, {Allow("a", {}), DenyAll()}};
  for (bool from_server : {false, true}) {
    world.SetPolicy({set}, groups);
    world.Isolate(world.b(), 1, 0);
    ASSERT_TRUE(WentOn(world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 80})));
    ASSERT_TRUE(WentOn(world.FromPod(world.b(), Ip{b(), a()} / Tcp{80, 1234, kSyn | kAck})));
    // A's label changes: it leaves the group.
    world.Erase("class_by_address", std::vector<fl_address>{Abi(a())}.data());
    world.SetPolicy({set}, {{"a", Group({remote()})}});
    Outcome next = from_server ? world.FromPod(world.b(), Ip{b(), a()} / Tcp{80, 1234, kAck})
                               : world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 80, kAck});
    EXPECT_TRUE(DroppedFor(FL_REASON_INGRESS_POLICY, next));
    EXPECT_EQ(world.Connections().size(), 0);
    EXPECT_EQ(world.TupleCount(), 0);
    EXPECT_EQ(world.Account(world.a()).connections, 0);
  }
}

TEST_P(PolicyTest, AConnectionThatIsStillAdmittedIsAskedOnce) {
  std::map<std::string, AddressGroup> groups = {{"a", Group({a()})}};
  PolicySet set{Direction::kIngress, {Allow("a", {}), DenyAll()}};
  world.SetPolicy({set}, groups);
  world.Isolate(world.b(), 1, 0);
  ASSERT_TRUE(WentOn(world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 80})));
  uint32_t before = world.Connections().at(0).ingress_epoch;
  world.SetPolicy({set}, groups);
  EXPECT_TRUE(WentOn(world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 80, kAck})));
  EXPECT_NE(world.Connections().at(0).ingress_epoch, before);
}

TEST_P(PolicyTest, AnEstablishedConnectionNeedsNothingButItsEntry) {
  world.SetPolicy({{Direction::kIngress, {Allow("a", {}), DenyAll()}}}, {{"a", Group({a()})}});
  world.Isolate(world.b(), 1, 0);
  ASSERT_TRUE(WentOn(world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 80})));
  ASSERT_TRUE(WentOn(world.FromPod(world.b(), Ip{b(), a()} / Tcp{80, 1234, kSyn | kAck})));
  // What was asked then would answer otherwise now, but neither an epoch has moved nor a route.
  world.Put("policy_rule", uint32_t{0}, fl_policy_rule{FL_ACTION_DENY});
  world.EraseLocation(a());
  world.EraseLocation(b());
  world.compare_twin = false;
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(WentOn(world.FromPod(world.a(), Ip{a(), b()} / Tcp{1234, 80, kAck})));
    EXPECT_TRUE(WentOn(world.FromPod(world.b(), Ip{b(), a()} / Tcp{80, 1234, kAck})));
  }
  EXPECT_TRUE(AnsweredFor(FL_REASON_NO_SUCH_POD, world.FromPod(world.a(), Ip{a(), b()} / Tcp{1235, 80})))
      << "a new one does";
}

TEST_P(PolicyTest, IsolatingAPodEndsWhatItsNewSetForbids) {
  ASSERT_TRUE(WentOn(world.FromPod(world.a(), Ip{a(), b()} / Udp{1234, 80})));
  world.SetPolicy({{Direction::kIngress, {DenyAll()}}}, {});
  world.Isolate(world.b(), 1, 0);
  EXPECT_TRUE(DroppedFor(FL_REASON_INGRESS_POLICY, world.FromPod(world.a(), Ip{a(), b()} / Udp{1234, 80})));
}

TEST_P(PolicyTest, APodThatGetsAnotherSetOfTheSameEpochIsAskedAgain) {
  world.SetPolicy({{Direction::kIngress, {Allow("a", {}), DenyAll()}},
                   {Direction::kIngress, {DenyAll()}},
                   {Direction::kEgress, {Allow("b", {}), DenyAll()}},
                   {Direction::kEgress, {DenyAll()}}},
                  {{"a", Group({a()})}, {"b", Group({b()})}});
  world.Isolate(world.a(), 0, 3);
  world.Isolate(world.b(), 1, 0);
  ASSERT_TRUE(WentOn(world.FromPod(world.a(), Ip{a(), b()} / Udp{1234, 80})));
  world.Isolate(world.b(), 2, 0);
  EXPECT_TRUE(DroppedFor(FL_REASON_INGRESS_POLICY, world.FromPod(world.a(), Ip{a(), b()} / Udp{1234, 80})));
  world.Isolate(world.b(), 1, 0);
  ASSERT_TRUE(WentOn(world.FromPod(world.a(), Ip{a(), b()} / Udp{1235, 80})));
  world.Isolate(world.a(), 0, 4);
  EXPECT_TRUE(DroppedFor(FL_REASON_EGRESS_POLICY, world.FromPod(world.a(), Ip{a(), b()} / Udp{1235, 80})));
}

TEST_P(PolicyTest, AnIncompleteGenerationNeverOpens) {
  world.SetPolicy({{Direction::kIngress, {Allow("a", {}), DenyAll()}}}, {{"a", Group({a()})}});
  world.Isolate(world.b(), 1, 0);
  fl_policy_set set{};
  uint32_t index = 1;
  world.Lookup("policy_set", &index, &set);
  fl_policy_generation generation{};
  uint32_t number = set.generation;
  world.Lookup("policy_generation", &number, &generation);
  generation.rule_count = 0;
  world.Put("policy_generation", number, generation);
  EXPECT_TRUE(DroppedFor(FL_REASON_POLICY_INCOMPLETE, world.FromPod(world.a(), Ip{a(), b()} / Tcp{1, 2})));
}

}  // namespace
}  // namespace fairlead::packets
