// A connection that lives is decided again by its next packet, whichever change made it forbidden.
#include <gtest/gtest.h>

#include "datapath/abi/reasons.h"
#include "tests/datapath/policy_fixture.h"
#include "tests/policy/cluster_builder.h"

namespace fairlead::datapath {
namespace {

using policy::Attempt;
using policy::Cluster;

// Web asks the database; each change forbids it. What holds for the first packet after the change
// holds for the answer as well.
struct ChangeCase {
  const char* name;
  void (*change)(Cluster&);
  uint32_t reason;
};

class LiveConnectionTest : public PolicyDatapathTest, public ::testing::WithParamInterface<ChangeCase> {
 protected:
  static Cluster Shop() {
    policy::testing::ClusterBuilder cluster;
    cluster.Namespace("shop", {{"team", "shop"}});
    cluster.Pod("shop/web", 1, {{"app", "web"}, {"role", "client"}})
        .Pod("shop/db", 2, {{"app", "db"}, {"role", "server"}}, {{"sql", policy::Protocol::kTcp, 5432}});
    cluster.Policy("shop/db", {{"role", "server"}})
        .Ingress({policy::testing::PodsIn({{"team", "shop"}}, {{"app", "web"}})},
                 {policy::testing::Named("sql")});
    cluster.Policy("shop/web", {{"role", "client"}})
        .Egress({policy::testing::Pods({{"app", "db"}})}, {policy::testing::Tcp(5432)});
    return cluster;
  }
};

TEST_P(LiveConnectionTest, EndsWithItsNextPacketInEitherDirection) {
  const std::set<std::string> nodes = {"node-1"};
  for (const bool client_speaks : {true, false}) {
    for (const char* text : {"10.244.0.1 10.244.0.2", "fd00:10:244::1 fd00:10:244::2"}) {
      const std::string ends(text);
      const size_t space = ends.find(' ');
      const Attempt there{.source = *IpAddress::Parse(ends.substr(0, space)),
                          .destination = *IpAddress::Parse(ends.substr(space + 1)),
                          .protocol = policy::Protocol::kTcp,
                          .destination_port = 5432};
      Cluster cluster = Shop();
      Apply(cluster, nodes);
      ASSERT_STREQ(ReasonName(Open(there)), "forwarded");
      ASSERT_STREQ(ReasonName(GoOn(there, last_port_)), "forwarded");
      GetParam().change(cluster);
      Apply(cluster, nodes);
      const Attempt back{there.destination, there.source, there.protocol, last_port_};
      const uint32_t reason = client_speaks ? GoOn(there, last_port_) : GoOn(back, there.destination_port);
      EXPECT_STREQ(ReasonName(reason), ReasonName(GetParam().reason));
      // And it stays ended, for it is gone.
      EXPECT_STRNE(ReasonName(GoOn(there, last_port_)), "forwarded");
      EXPECT_STREQ(ReasonName(Open(there)), ReasonName(GetParam().reason));
      Apply(Shop(), nodes);
      EXPECT_STREQ(ReasonName(Open(there)), "forwarded");
    }
  }
}

// The first three change classes of addresses only, no set.
INSTANTIATE_TEST_SUITE_P(
    Changes, LiveConnectionTest,
    ::testing::Values(
        ChangeCase{"ClientRelabelled", [](Cluster& c) { c.pods.at("shop/web").labels["app"] = "other"; },
                   FL_REASON_INGRESS_POLICY},
        ChangeCase{"ServerRelabelled", [](Cluster& c) { c.pods.at("shop/db").labels["app"] = "other"; },
                   FL_REASON_EGRESS_POLICY},
        ChangeCase{"NamespaceRelabelled",
                   [](Cluster& c) { c.namespaces.at("shop").labels["team"] = "other"; },
                   FL_REASON_INGRESS_POLICY},
        ChangeCase{"IngressRuleRemoved", [](Cluster& c) { c.policies.at("shop/db").ingress.clear(); },
                   FL_REASON_INGRESS_POLICY},
        ChangeCase{"EgressRuleRemoved", [](Cluster& c) { c.policies.at("shop/web").egress.clear(); },
                   FL_REASON_EGRESS_POLICY},
        ChangeCase{"NamedPortMoved", [](Cluster& c) { c.pods.at("shop/db").named_ports[0].number = 5433; },
                   FL_REASON_INGRESS_POLICY},
        ChangeCase{"AnotherPolicySelectsTheClient",
                   [](Cluster& c) {
                     c.pods.at("shop/web").labels["role"] = "none";
                     policy::NetworkPolicy& deny = c.policies["shop/deny"];
                     deny = {.namespace_name = "shop", .name = "deny", .isolates_egress = true};
                   },
                   FL_REASON_EGRESS_POLICY}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace fairlead::datapath
