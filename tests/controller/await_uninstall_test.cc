// What helm uninstall waits for, as the API server tells it.
#include "controller/server/await_uninstall.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fairlead::controller {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::IsEmpty;

json DaemonSet(uint64_t nodes, uint64_t ready, uint64_t observed = 1) {
  return {{"metadata", {{"generation", 1u}}},
          {"status",
           {{"desiredNumberScheduled", nodes}, {"numberReady", ready}, {"observedGeneration", observed}}}};
}

json Pod(const std::string& node, bool ready, const json& init) {
  return {{"spec", {{"nodeName", node}}},
          {"status",
           {{"conditions", json::array({{{"type", "Ready"}, {"status", ready ? "True" : "False"}}})},
            {"initContainerStatuses", json::array({init})}}}};
}

json Pods(const std::vector<json>& pods) {
  return {{"items", pods}};
}

TEST(AwaitUninstall, AllNodesMustBeCleanAndCounted) {
  EXPECT_TRUE(ReadUninstallProgress(DaemonSet(3, 3), Pods({})).done);
  EXPECT_FALSE(ReadUninstallProgress(DaemonSet(3, 2), Pods({})).done);
  EXPECT_FALSE(ReadUninstallProgress(DaemonSet(0, 0), Pods({})).done) << "nothing is scheduled yet";
  EXPECT_FALSE(ReadUninstallProgress(DaemonSet(1, 1, 0), Pods({})).done) << "an old count";
}

TEST(AwaitUninstall, ALateNodeSaysWhy) {
  const json failed = {{"state", {{"waiting", {{"reason", "CrashLoopBackOff"}}}}},
                       {"lastState", {{"terminated", {{"message", "remove /run/fairlead: busy\n"}}}}}};
  const json pulling = {{"state", {{"waiting", {{"reason", "ImagePullBackOff"}}}}}};
  const json working = {{"state", {{"running", {{"startedAt", "now"}}}}}};
  const auto progress = ReadUninstallProgress(
      DaemonSet(5, 1),
      Pods({Pod("node-5", false, json::object()), Pod("node-1", true, json::object()),
            Pod("node-2", false, failed), Pod("node-3", false, pulling), Pod("node-4", false, working)}));
  EXPECT_THAT(progress.late,
              ElementsAre("node-2: remove /run/fairlead: busy", "node-3: ImagePullBackOff", "node-4: at work",
                          "node-5: its pod does not run; is the node there?"));
  EXPECT_EQ(progress.nodes, 5u);
  EXPECT_EQ(progress.clean, 1u);
}

TEST(AwaitUninstall, StrangeAnswersAreNoProgress) {
  for (const json& strange : {json(), json("x"), json::array(), json{{"status", "x"}}, json{{"items", 7}}}) {
    const auto progress = ReadUninstallProgress(strange, strange);
    EXPECT_FALSE(progress.done) << strange;
    EXPECT_THAT(progress.late, IsEmpty()) << strange;
  }
}

}  // namespace
}  // namespace fairlead::controller
