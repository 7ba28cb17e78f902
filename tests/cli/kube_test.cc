// What kubectl prints, read; what the connectivity test makes of a cluster; flows put in order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "cli/kube/connectivity_plan.h"
#include "cli/kube/fairlead_pods.h"
#include "cli/text/flow_order.h"

namespace fairlead::cli {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

json Pod(const std::string& name, const std::string& node, const json& state, bool ending = false) {
  json pod = {
      {"metadata",
       {{"name", name},
        {"namespace", "kube-system"},
        {"labels", {{"app.kubernetes.io/component", "agent"}}}}},
      {"spec", {{"nodeName", node}, {"containers", {{{"image", "fairlead:1"}}}}}},
      {"status", {{"phase", "Pending"}, {"containerStatuses", {{{"ready", true}, {"state", state}}}}}}};
  if (ending) pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  return pod;
}

TEST(FairleadPods, APodThatEndsGivesWayToTheOneThatTakesItsPlace) {
  const json running = {{"running", json::object({{"startedAt", "now"}})}};
  const auto pods = ReadFairleadPods({{"items",
                                       {Pod("old", "node-1", running, true), Pod("new", "node-1", running),
                                        Pod("last", "node-2", running, true)}}});
  ASSERT_EQ(pods.size(), 2u);
  EXPECT_EQ(pods[0].name, "new");
  EXPECT_EQ(pods[1].name, "last");
}

TEST(FairleadPods, WhatDoesNotRunSaysWhy) {
  json unscheduled = Pod("a", "", json::object());
  unscheduled["status"] = {
      {"phase", "Pending"},
      {"conditions", {{{"type", "PodScheduled"}, {"status", "False"}, {"message", "no nodes"}}}}};
  EXPECT_EQ(ReadFairleadPods({{"items", {unscheduled}}})[0].trouble, "not scheduled: no nodes");
  const json pulling = {{"waiting", {{"reason", "ImagePullBackOff"}, {"message", "no such image"}}}};
  EXPECT_EQ(ReadFairleadPods({{"items", {Pod("a", "n", pulling)}}})[0].trouble,
            "ImagePullBackOff: no such image");
}

TEST(FairleadPods, StrangeAnswersAreNoPods) {
  for (const json& strange :
       {json(), json::array(), json("x"), json{{"items", "x"}}, json{{"items", {{{"metadata", 7}}}}}})
    EXPECT_LE(ReadFairleadPods(strange).size(), 1u) << strange;
}

observer::v1::Flow FlowAt(int64_t time_ns) {
  observer::v1::Flow flow;
  flow.set_time_ns(time_ns);
  return flow;
}

std::vector<int64_t> Times(const std::vector<observer::v1::Flow>& flows) {
  std::vector<int64_t> times;
  for (const auto& flow : flows) times.push_back(flow.time_ns());
  return times;
}

TEST(FlowOrder, OlderFlowsOfASlowerNodeComeFirst) {
  FlowOrder order(100);
  order.Add(FlowAt(20), 1000);
  EXPECT_THAT(Times(order.Take(1050)), ElementsAre());
  order.Add(FlowAt(10), 1060);
  order.Add(FlowAt(30), 1070);
  EXPECT_THAT(Times(order.Take(1100)), ElementsAre(10, 20));
  EXPECT_THAT(Times(order.TakeAll()), ElementsAre(30));
}

TEST(FlowOrder, NothingIsHeldWithoutNeed) {
  FlowOrder order(0);
  order.Add(FlowAt(20), 1000);
  EXPECT_THAT(Times(order.Take(1000)), ElementsAre(20));
}

json TestPod(const std::string& name, const std::string& node, const std::string& v4, const std::string& v6) {
  return {{"metadata", {{"name", name}}},
          {"spec", {{"nodeName", node}}},
          {"status", {{"podIPs", {{{"ip", v4}}, {{"ip", v6}}}}}}};
}

class ConnectivityPlan : public testing::Test {
 protected:
  json pods_ = {
      {"items",
       {TestPod("client-1", "a", "10.0.1.2", "fd00:1::2"), TestPod("server-1", "a", "10.0.1.3", "fd00:1::3"),
        TestPod("server-2", "b", "10.0.2.3", "fd00:2:0::3")}}};
  json services_ = {{"items",
                     {{{"metadata", {{"name", "outside"}}},
                       {"spec",
                        {{"clusterIPs", {"10.96.0.9"}},
                         {"ipFamilies", {"IPv4"}},
                         {"ports", {{{"protocol", "UDP"}, {"port", 8080}, {"nodePort", 30001}}}}}}}}}};
  json nodes_ = {{"items",
                  {{{"metadata", {{"name", "a"}}},
                    {"status",
                     {{"addresses",
                       {{{"type", "InternalIP"}, {"address", "172.18.0.11"}},
                        {{"type", "InternalIP"}, {"address", "fd00:172::11"}},
                        {{"type", "Hostname"}, {"address", "a"}}}}}}}}}};
};

TEST_F(ConnectivityPlan, AsksEverythingInBothFamilies) {
  std::set<std::string> targets;
  for (const ConnectivityCheck& check : ConnectivityChecks(pods_, services_, nodes_, false)) {
    EXPECT_TRUE(check.allowed) << check.what;
    targets.insert(check.target);
  }
  EXPECT_THAT(targets, testing::UnorderedElementsAre(
                           "10.0.1.3:8080", "10.0.1.3:8080/udp", "[fd00:1::3]:8080", "[fd00:1::3]:8080/udp",
                           "10.0.2.3:8080", "10.0.2.3:8080/udp", "[fd00:2::3]:8080", "[fd00:2::3]:8080/udp",
                           "10.96.0.9:8080/udp", "172.18.0.11:30001/udp"));
}

TEST_F(ConnectivityPlan, ThePolicyLetsOneClientInByTcp) {
  pods_["items"].push_back(TestPod("client-2", "b", "10.0.2.2", "fd00:2::2"));
  for (const ConnectivityCheck& check : ConnectivityChecks(pods_, services_, nodes_, true))
    EXPECT_EQ(check.allowed, check.client == "client-1" && check.target.find("udp") == std::string::npos)
        << check.what;
}

TEST_F(ConnectivityPlan, ItsPodsAreAllowedEverywhere) {
  const json list = ConnectivityObjects({.namespace_name = "t", .image = "i", .nodes = {"a"}});
  size_t pods = 0;
  for (const json& item : list["items"]) {
    if (item["kind"] != "Pod") continue;
    ++pods;
    EXPECT_EQ(item["spec"]["nodeName"], "a");
    EXPECT_EQ(item["spec"]["containers"].size(), 1u);
    EXPECT_EQ(item["spec"]["containers"][0]["securityContext"]["capabilities"]["drop"], json({"ALL"}));
    EXPECT_TRUE(item["spec"]["securityContext"]["runAsNonRoot"]);
    EXPECT_TRUE(item["spec"]["tolerations"].is_array() && item["spec"]["tolerations"][0].is_object());
  }
  EXPECT_EQ(pods, 4u);
  const json policy = ConnectivityPolicy({.namespace_name = "t", .image = "i", .nodes = {"a"}});
  EXPECT_TRUE(policy["spec"]["ingress"][0]["from"][0].is_object());
  EXPECT_TRUE(policy["spec"]["ingress"][0]["ports"][0].is_object());
}

}  // namespace
}  // namespace fairlead::cli
