// Where the controllers are: as an API server lists them, from disk, and again after a loss.
#include "agent/kubernetes/controller_finder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "agent/kubernetes/controller_list.h"
#include "base/read_file.h"
#include "tests/agent/eventually.h"
#include "tests/agent/scratch_folder.h"
#include "tests/kube/json_api_server.h"

namespace fairlead::agent {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

json Replica(const std::string& name, const std::string& address, bool ready = true) {
  return {
      {"metadata",
       {{"name", name},
        {"labels", {{"app.kubernetes.io/name", "fairlead"}, {"app.kubernetes.io/component", "controller"}}}}},
      {"status",
       {{"phase", "Running"},
        {"podIP", address},
        {"conditions", {{{"type", "Ready"}, {"status", ready ? "True" : "False"}}}}}}};
}

json ListOf(std::vector<json> pods) {
  return {{"kind", "PodList"}, {"items", std::move(pods)}};
}

TEST(ControllersIn, AreThePodsThatHaveAnAddressAndStay) {
  json leaving = Replica("c", "10.0.0.3");
  leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  json over = Replica("d", "10.0.0.4");
  over["status"]["phase"] = "Failed";
  EXPECT_THAT(ControllersIn(ListOf({Replica("a", "10.0.0.1"), Replica("b", "fd00::2"), leaving, over,
                                    Replica("e", "")}),
                            9443, "n1"),
              UnorderedElementsAre("10.0.0.1:9443", "[fd00::2]:9443"));
}

TEST(ControllersIn, ReadyOnesComeFirst) {
  for (const char* node : {"n1", "n2", "n3", "n4"}) {
    EXPECT_THAT(ControllersIn(ListOf({Replica("a", "10.0.0.1", false), Replica("b", "10.0.0.2")}), 1, node),
                ElementsAre("10.0.0.2:1", "10.0.0.1:1"));
  }
}

TEST(ControllersIn, AreSpreadOverTheNodes) {
  const json list = ListOf({Replica("a", "10.0.0.1"), Replica("b", "10.0.0.2"), Replica("c", "10.0.0.3")});
  std::map<std::string, int> first;
  for (int i = 0; i < 300; ++i) ++first[ControllersIn(list, 9443, absl::StrCat("node-", i)).front()];
  ASSERT_THAT(first, SizeIs(3));
  for (const auto& [controller, nodes] : first) EXPECT_GT(nodes, 60) << controller;
}

TEST(ControllersIn, TakesAnythingForAList) {
  for (const json& odd : {json(nullptr), json("x"), json{{"items", 3}}, json{{"items", {1, "x", nullptr}}},
                          ListOf({{{"status", {{"podIP", "not one"}}}}, {{"status", 7}}})}) {
    EXPECT_THAT(ControllersIn(odd, 1, "n"), IsEmpty()) << odd;
  }
}

TEST(ParseControllers, TakesWhatIsWellFormed) {
  EXPECT_THAT(
      ParseControllers("10.0.0.1:9443\n[fd00::1]:1\nunix:/etc/x\nhost:1\n10.0.0.1:0\n1.2.3.4:70000\n\n"),
      ElementsAre("10.0.0.1:9443", "[fd00::1]:1"));
}

class ControllerFinderTest : public ::testing::Test {
 protected:
  ~ControllerFinderTest() override {
    loop_->Stop();
    if (owner_.joinable()) owner_.join();
    finder_.reset();
    api_.reset();
    loop_->Drain();
  }

  static std::string PathOf(const std::string& name) { return "/api/v1/namespaces/kube-system/pods/" + name; }

  void Start() {
    api_ = kube::ApiClient::Start(server_.access(), loop_.get()).value();
    ControllerFinder::Options options{.node = "n1",
                                      .namespace_name = "kube-system",
                                      .cache_file = folder_ / "controllers",
                                      .first_delay_ns = 1'000'000,
                                      .max_delay_ns = 20'000'000,
                                      .refresh_delay_ns = 1'000'000};
    finder_ = std::make_unique<ControllerFinder>(
        options, loop_.get(), api_.get(),
        [this](std::vector<std::string> controllers) { told_.push_back(std::move(controllers)); },
        [this](const absl::Status& status) { status_ = status; });
    finder_->Start();
    owner_ = std::thread([this] { loop_->Run(); });
  }

  template <typename Holds>
  bool Eventually(Holds holds) {
    return EventuallyOn(*loop_, holds);
  }
  bool IsTold(const std::vector<std::string>& controllers) {
    return Eventually([&] { return !told_.empty() && told_.back() == controllers; });
  }

  ScratchFolder folder_;
  kube::JsonApiServer server_;
  std::unique_ptr<EventLoop> loop_ = EventLoop::Create().value();
  std::unique_ptr<kube::ApiClient> api_;
  std::unique_ptr<ControllerFinder> finder_;
  std::vector<std::vector<std::string>> told_;
  absl::Status status_;
  std::thread owner_;
};

TEST_F(ControllerFinderTest, ListsOnceAndKeepsWhatItFound) {
  server_.Put(PathOf("a"), Replica("a", "10.0.0.1"));
  json other = Replica("coredns", "10.0.0.9");
  other["metadata"]["labels"] = {{"k8s-app", "kube-dns"}};
  server_.Put(PathOf("coredns"), other);
  Start();
  ASSERT_TRUE(IsTold({"10.0.0.1:9443"}));
  EXPECT_EQ(ReadFile(folder_ / "controllers").value_or(""), "10.0.0.1:9443");
  EXPECT_THAT(server_.Requests(), SizeIs(1));
}

TEST_F(ControllerFinderTest, KnowsThemFromDiskWithNoApiServerInReach) {
  std::ofstream(folder_ / "controllers") << "10.0.0.1:9443\n[fd00::2]:9443";
  server_.Stop();
  Start();
  EXPECT_TRUE(IsTold({"10.0.0.1:9443", "[fd00::2]:9443"}));
  EXPECT_TRUE(Eventually([&] { return !status_.ok(); }));
  EXPECT_THAT(std::string(status_.message()), HasSubstr("still trying 10.0.0.1:9443, [fd00::2]:9443"));
}

TEST_F(ControllerFinderTest, GoesOnLookingUntilThereIsOne) {
  Start();
  ASSERT_TRUE(Eventually([&] { return !status_.ok(); }));
  EXPECT_THAT(std::string(status_.message()), HasSubstr("is the controller's Deployment there?"));
  server_.Put(PathOf("a"), Replica("a", "10.0.0.1"));
  EXPECT_TRUE(IsTold({"10.0.0.1:9443"}));
  EXPECT_TRUE(Eventually([&] { return status_.ok(); }));
}

TEST_F(ControllerFinderTest, LooksAgainAfterALoss) {
  server_.Put(PathOf("a"), Replica("a", "10.0.0.1"));
  Start();
  ASSERT_TRUE(IsTold({"10.0.0.1:9443"}));
  for (bool all : {true, false}) {
    server_.Put(PathOf("a"), Replica("a", all ? "10.0.0.2" : "10.0.0.3"));
    loop_->Post([this, all] { finder_->LookAgain(all); });
    ASSERT_TRUE(IsTold({all ? "10.0.0.2:9443" : "10.0.0.3:9443"}));
  }
  EXPECT_EQ(ReadFile(folder_ / "controllers").value_or(""), "10.0.0.3:9443");
}

TEST_F(ControllerFinderTest, SaysWhatIsRefused) {
  server_.Refuse(-1, 403, R"({"message": "pods is forbidden"})");
  Start();
  ASSERT_TRUE(Eventually([&] { return absl::IsPermissionDenied(status_); }));
  EXPECT_THAT(std::string(status_.message()), HasSubstr("pods is forbidden"));
}

}  // namespace
}  // namespace fairlead::agent
