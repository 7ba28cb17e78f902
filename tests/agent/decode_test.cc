// What a controller may say and what is refused, with the field that is wrong.
#include "agent/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "absl/strings/str_cat.h"
#include "agent/encode.h"
#include "tests/agent/resources.h"

namespace fairlead::agent {
namespace {

namespace pb = control::v1;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

pb::SyncResponse Good() {
  NodeState state("node-1");
  EXPECT_THAT(state.Stage({ConfigOf("node-1"), NodeOf("node-1", "192.0.2.1"), NodeOf("node-2", "192.0.2.2"),
                           GroupOf("g", {"10.0.0.0/8", "fd00::/8"}), SetOf("s", "g"),
                           PodOf("uid-1", "cart-0", "s"), ServiceOf("cart", {"10.244.1.5"})}),
              IsEmpty());
  pb::SyncResponse response;
  EXPECT_TRUE(response.ParseFromString(EncodeState(state, 7)));
  return response;
}

TEST(Decode, ReadsBackWhatWasEncoded) {
  const Push push = Decode(Good());
  EXPECT_THAT(push.errors, IsEmpty());
  EXPECT_EQ(push.watermark, 7u);
  EXPECT_TRUE(push.complete);
  NodeState state("node-1");
  ASSERT_THAT(state.Stage(push.changes), IsEmpty());
  EXPECT_EQ(EncodeState(state, 7), Good().SerializeAsString());
}

// The resource of `response` whose name is `name`.
pb::Resource& Find(pb::SyncResponse& response, const std::string& name, pb::Resource::BodyCase body) {
  for (pb::Resource& resource : *response.mutable_upserts()) {
    if (resource.name() == name && resource.body_case() == body) return resource;
  }
  ADD_FAILURE() << "no " << name;
  return *response.mutable_upserts(0);
}

void ExpectRefused(const std::string& name, pb::Resource::BodyCase body, const std::string& message,
                   const std::function<void(pb::Resource&)>& spoil) {
  pb::SyncResponse response = Good();
  spoil(Find(response, name, body));
  const Push push = Decode(response);
  ASSERT_THAT(push.errors, SizeIs(1)) << message;
  EXPECT_THAT(push.errors[0].message, HasSubstr(message));
  EXPECT_EQ(push.changes.size(), Good().upserts_size() - 1u) << "the others are read all the same";
}

TEST(Decode, RefusesABadNodeConfig) {
  auto expect = [](const std::string& message, const std::function<void(pb::NodeConfig&)>& spoil) {
    ExpectRefused("node-1", pb::Resource::kNodeConfig, message,
                  [&](pb::Resource& resource) { spoil(*resource.mutable_node_config()); });
  };
  expect("routing", [](pb::NodeConfig& c) { c.set_routing(static_cast<pb::NodeConfig::Routing>(9)); });
  expect("vxlan_vni", [](pb::NodeConfig& c) {
    c.set_routing(pb::NodeConfig::VXLAN);
    c.set_vxlan_vni(1 << 24);
  });
  expect("vxlan_port", [](pb::NodeConfig& c) {
    c.set_routing(pb::NodeConfig::VXLAN);
    c.set_vxlan_port(70000);
  });
  expect("pod_cidrs[0].length: 33 is more than 32",
         [](pb::NodeConfig& c) { c.mutable_pod_cidrs(0)->set_length(33); });
  expect("pod_cidrs[1].address: has 5 bytes",
         [](pb::NodeConfig& c) { c.mutable_pod_cidrs(1)->set_address("12345"); });
  expect("two ranges of one family", [](pb::NodeConfig& c) { *c.mutable_pod_cidrs(1) = c.pod_cidrs(0); });
  expect("node_port_first", [](pb::NodeConfig& c) { c.set_node_port_last(1); });
  expect("content node-9", [](pb::NodeConfig& c) { c.set_node("node-9"); });
}

TEST(Decode, RefusesABadPolicySet) {
  auto expect = [](const std::string& message, const std::function<void(pb::PolicySet&)>& spoil) {
    ExpectRefused("s", pb::Resource::kPolicySet, message,
                  [&](pb::Resource& resource) { spoil(*resource.mutable_policy_set()); });
  };
  expect("direction", [](pb::PolicySet& s) { s.set_direction(pb::PolicySet::DIRECTION_UNSPECIFIED); });
  expect("rules: a set without rules", [](pb::PolicySet& s) { s.clear_rules(); });
  expect("rules[1].action", [](pb::PolicySet& s) { s.mutable_rules(1)->clear_action(); });
  expect("rules[0].ports[0].protocol: 1 is neither",
         [](pb::PolicySet& s) { s.mutable_rules(0)->add_ports()->set_protocol(1); });
  expect("rules[0].ports[0]: first is above last", [](pb::PolicySet& s) {
    pb::PortRange* range = s.mutable_rules(0)->add_ports();
    range->set_protocol(6);
    range->set_first(2);
    range->set_last(1);
  });
  expect("rules: 16385 of them", [](pb::PolicySet& s) {
    while (s.rules_size() <= policy::kMaxRulesPerSet) s.add_rules()->set_action(pb::PolicyRule::DENY);
  });
}

TEST(Decode, NamesThePoliciesOfASetThatDoesNotFit) {
  pb::SyncResponse response = Good();
  pb::PolicySet& set = *Find(response, "s", pb::Resource::kPolicySet).mutable_policy_set();
  while (set.rules_size() <= policy::kMaxRulesPerSet) set.add_rules()->set_action(pb::PolicyRule::DENY);
  for (int i = 0; i < 100; ++i) {
    set.mutable_rules(set.rules_size() - 1)->mutable_origin()->add_isolating(absl::StrCat("shop/p", i));
  }
  const Push push = Decode(response);
  ASSERT_THAT(push.errors, SizeIs(1));
  EXPECT_EQ(NameOf(push.errors[0]), "PolicySet s (of shop/p0, shop/p1, shop/p2, and 97 more)");
}

// A controller ends the stream of a node that says more, and the node would get nothing any more.
TEST(EncodeNack, BlamesNoMoreThanAControllerTakes) {
  std::vector<ResourceError> errors(5'000, {{ResourceKind::kAddressGroup, "g"}, "map is full", {}});
  const pb::SyncRequest request = EncodeNack(3, errors);
  EXPECT_EQ(request.nack().nonce(), 3u);
  EXPECT_EQ(request.nack().errors_size(), 1'000);
}

TEST(Decode, RefusesABadService) {
  auto expect = [](const std::string& message, const std::function<void(pb::Service&)>& spoil) {
    ExpectRefused("shop/cart", pb::Resource::kService, message,
                  [&](pb::Resource& resource) { spoil(*resource.mutable_service()); });
  };
  expect("ports[0].port: 0", [](pb::Service& s) { s.mutable_ports(0)->set_port(0); });
  expect("ports[0].backends[0].port: 65536",
         [](pb::Service& s) { s.mutable_ports(0)->mutable_backends(0)->set_port(65536); });
  expect("cluster_ips[0]", [](pb::Service& s) { s.set_cluster_ips(0, ""); });
  expect("namespace: is empty", [](pb::Service& s) { s.clear_namespace_(); });
}

TEST(Decode, RefusesWhatItDoesNotKnow) {
  pb::SyncResponse response;
  response.add_upserts()->set_name("future");
  response.mutable_upserts(0)->set_version("1");
  response.add_removals()->set_kind(static_cast<pb::ResourceKind>(99));
  const Push push = Decode(response);
  ASSERT_THAT(push.errors, SizeIs(2));
  EXPECT_THAT(push.errors[0].message, HasSubstr("update the agent"));
}

TEST(Decode, RefusesAResourceWithoutVersionOrWithAnEndlessName) {
  ExpectRefused("uid-1", pb::Resource::kEndpoint, "version", [](pb::Resource& r) { r.clear_version(); });
  ExpectRefused("g", pb::Resource::kAddressGroup, "name",
                [](pb::Resource& r) { r.set_name(std::string(4096, 'x')); });
}

}  // namespace
}  // namespace fairlead::agent
