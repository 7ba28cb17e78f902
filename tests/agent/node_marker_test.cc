// What the agent changes in its own Node object, and how stubbornly.
#include "agent/kubernetes/node_marker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "agent/kubernetes/node_patches.h"
#include "kube/json.h"
#include "tests/agent/eventually.h"
#include "tests/kube/json_api_server.h"

namespace fairlead::agent {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kTaint[] = "fairlead.io/agent-not-ready";
constexpr char kPath[] = "/api/v1/nodes/n1";

json NodeWith(const std::vector<std::string>& taints) {
  json node = {{"metadata", {{"name", "n1"}}},
               {"status", {{"conditions", {{{"type", "Ready"}, {"status", "True"}}}}}}};
  for (const std::string& key : taints) {
    node["spec"]["taints"].push_back({{"key", key}, {"effect", "NoSchedule"}});
  }
  return node;
}

json NetworkUnavailable(const std::string& status) {
  return {{"type", "NetworkUnavailable"}, {"status", status}};
}

TEST(TaintRemoval, LeavesOtherTaintsAlone) {
  const json node = NodeWith({"a", kTaint, "b"});
  EXPECT_EQ(node.patch(*TaintRemoval(node, kTaint))["spec"]["taints"],
            NodeWith({"a", "b"})["spec"]["taints"]);
}

TEST(TaintRemoval, TakesTheLastOneWithTheList) {
  const json node = NodeWith({kTaint});
  EXPECT_FALSE(node.patch(*TaintRemoval(node, kTaint))["spec"].contains("taints"));
}

TEST(TaintRemoval, FailsWhenSomebodyElseWasFaster) {
  const json patch = *TaintRemoval(NodeWith({kTaint}), kTaint);
  EXPECT_THROW((void)NodeWith({kTaint, "new"}).patch(patch), json::exception);
}

TEST(TaintRemoval, IsNotNeededWithoutTheTaint) {
  EXPECT_FALSE(TaintRemoval(NodeWith({"a"}), kTaint));
  EXPECT_FALSE(TaintRemoval(NodeWith({}), kTaint));
  EXPECT_FALSE(TaintRemoval(json("odd"), kTaint));
}

TEST(NetworkAvailable, IsSaidOnce) {
  json node = NodeWith({});
  EXPECT_TRUE(NetworkAvailable(node, absl::UnixEpoch()));
  node["status"]["conditions"].push_back(NetworkUnavailable("True"));
  EXPECT_TRUE(NetworkAvailable(node, absl::UnixEpoch()));
  node["status"]["conditions"].back() = NetworkUnavailable("False");
  EXPECT_FALSE(NetworkAvailable(node, absl::UnixEpoch()));
}

TEST(NetworkAvailable, HasTheTimesThatTheApiWants) {
  const json patch = *NetworkAvailable(NodeWith({}), absl::UnixEpoch());
  EXPECT_EQ(patch["status"]["conditions"][0]["lastTransitionTime"], "1970-01-01T00:00:00Z");
}

TEST(IsLeaving, WhenItIsDeletedOrAboutToBe) {
  EXPECT_FALSE(IsLeaving(NodeWith({"a"})));
  EXPECT_TRUE(IsLeaving(NodeWith({"a", "ToBeDeletedByClusterAutoscaler"})));
  json deleted = NodeWith({});
  deleted["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  EXPECT_TRUE(IsLeaving(deleted));
}

class NodeMarkerTest : public ::testing::Test {
 protected:
  ~NodeMarkerTest() override {
    loop_->Stop();
    if (owner_.joinable()) owner_.join();
    marker_.reset();
    api_.reset();
    loop_->Drain();
  }
  void Start(int64_t interval_ns = 3'600'000'000'000) {
    api_ = kube::ApiClient::Start(server_.access(), loop_.get()).value();
    marker_ = std::make_unique<NodeMarker>(NodeMarker::Options{.node = "n1",
                                                               .taint = kTaint,
                                                               .first_delay_ns = 1'000'000,
                                                               .max_delay_ns = 10'000'000,
                                                               .interval_ns = interval_ns},
                                           loop_.get(), api_.get(),
                                           [this](const absl::Status& status) { notes_.push_back(status); });
    marker_->Start();
    owner_ = std::thread([this] { loop_->Run(); });
  }
  template <typename Holds>
  bool Eventually(Holds holds) {
    return EventuallyOn(*loop_, holds);
  }
  bool IsMarked() {
    const json node = server_.Get(kPath).value_or(json());
    const json& conditions = kube::ListField(node, {"status", "conditions"});
    return !TaintRemoval(node, kTaint) && !NetworkAvailable(node, absl::Now()) && conditions.size() == 2;
  }

  kube::JsonApiServer server_;
  std::unique_ptr<EventLoop> loop_ = EventLoop::Create().value();
  std::unique_ptr<kube::ApiClient> api_;
  std::unique_ptr<NodeMarker> marker_;
  std::vector<absl::Status> notes_;
  std::thread owner_;
};

TEST_F(NodeMarkerTest, TakesTheTaintOffAndSaysThatTheNetworkIsThere) {
  server_.Put(kPath, NodeWith({kTaint, "other"}));
  Start();
  ASSERT_TRUE(Eventually([&] { return !notes_.empty(); }));
  EXPECT_TRUE(notes_.front().ok()) << notes_.front();
  EXPECT_TRUE(IsMarked());
  EXPECT_EQ(server_.Get(kPath)->at("spec").at("taints").size(), 1u);
  EXPECT_THAT(server_.Requests(), SizeIs(3));
}

TEST_F(NodeMarkerTest, TriesUntilItIsDone) {
  server_.Refuse(2, 500, "no");
  Start();
  ASSERT_TRUE(Eventually([&] { return notes_.size() >= 3; })) << "the node is not there either";
  EXPECT_THAT(std::string(notes_.back().message()), HasSubstr("tell the cluster that node n1 takes pods"));
  server_.Put(kPath, NodeWith({kTaint}));
  EXPECT_TRUE(Eventually([&] { return notes_.back().ok(); }));
  EXPECT_TRUE(IsMarked());
}

TEST_F(NodeMarkerTest, MarksANodeThatIsMadeAnew) {
  server_.Put(kPath, NodeWith({}));
  Start(/*interval_ns=*/1'000'000);
  ASSERT_TRUE(Eventually([&] { return IsMarked(); }));
  server_.Put(kPath, NodeWith({kTaint}));
  EXPECT_TRUE(Eventually([&] { return IsMarked(); }));
}

}  // namespace
}  // namespace fairlead::agent
