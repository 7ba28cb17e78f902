// Pushes and pods in, one desired state out, against a datapath that can refuse.
#include "agent/node_agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "agent/describe.h"
#include "datapath/fake_datapath.h"
#include "tests/agent/resources.h"
#include "tests/agent/scratch_folder.h"

namespace fairlead::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class FakePods : public EndpointSource {
 public:
  std::vector<datapath::LocalEndpoint> endpoints;
  std::vector<IpPrefix> cidrs;
  int applied = 0;

  void Add(const std::string& sandbox, const std::string& uid, const std::string& name) {
    datapath::LocalEndpoint endpoint;
    endpoint.key = sandbox + "/eth0";
    endpoint.pod_uid = uid;
    endpoint.namespace_name = "shop";
    endpoint.pod_name = name;
    endpoint.addresses = {Address("10.244.1.5")};
    endpoints.push_back(endpoint);
  }

  std::vector<datapath::LocalEndpoint> Endpoints() const override { return endpoints; }
  std::vector<PoolUsage> Pools() const override { return {}; }
  void SetPodCidrs(const std::vector<IpPrefix>& now) override { cidrs = now; }
  void OnApplied() override { ++applied; }
  absl::Status Reconcile() override { return absl::OkStatus(); }
};

class NodeAgentTest : public ::testing::Test {
 protected:
  NodeAgentTest() { agent_ = NewAgent(); }

  std::unique_ptr<NodeAgent> NewAgent(std::chrono::milliseconds verify_interval = std::chrono::seconds(30)) {
    auto agent = std::make_unique<NodeAgent>(NodeAgentOptions{.node = "node-1",
                                                              .state_file = folder_ / "last-good",
                                                              .verify_interval = verify_interval,
                                                              .save_delay = std::chrono::milliseconds(0),
                                                              .save_interval = std::chrono::milliseconds(0)},
                                             loop_.get(), &datapath_, &clock_);
    agent->SetEndpoints(&pods_);
    return agent;
  }

  std::vector<ResourceError> Push(std::vector<Change> changes, bool complete = true, uint64_t watermark = 1) {
    agent::Push push;
    push.watermark = watermark;
    push.complete = complete;
    push.changes = std::move(changes);
    return agent_->OnPush(std::move(push));
  }

  // config, set "s", pod uid-1 under it
  void PushBasics() {
    ASSERT_THAT(Push({ConfigOf("node-1"), GroupOf("g", {"10.0.0.1/32"}), SetOf("s", "g"),
                      PodOf("uid-1", "cart-0", "s")}),
                IsEmpty());
  }

  // Runs the loop until `what` holds.
  void RunUntil(const std::function<bool()>& what) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    std::function<void()> look = [&] {
      if (what() || std::chrono::steady_clock::now() > deadline) {
        loop_->Stop();
      } else {
        loop_->After(std::chrono::milliseconds(1), look);
      }
    };
    look();
    loop_->Run();
    EXPECT_TRUE(what());
  }

  const Condition& ConditionOf(const std::string& type) { return *agent_->conditions().Find(type); }

  ScratchFolder folder_;
  FakeClock clock_;
  std::unique_ptr<EventLoop> loop_ = EventLoop::Create().value();
  datapath::FakeDatapath datapath_;
  FakePods pods_;
  std::unique_ptr<NodeAgent> agent_;
};

TEST_F(NodeAgentTest, BringsAPushIntoTheDatapath) {
  EXPECT_FALSE(agent_->Ready().ok());
  PushBasics();
  EXPECT_TRUE(datapath_.applied.sets.contains("s"));
  EXPECT_TRUE(datapath_.applied.complete);
  EXPECT_THAT(pods_.cidrs, SizeIs(2));
  EXPECT_EQ(pods_.applied, 1);
  EXPECT_TRUE(agent_->Ready().ok());
  EXPECT_EQ(agent_->watermark(), 1u);
}

TEST_F(NodeAgentTest, TellsTheDatapathJustWhatChanged) {
  pods_.Add("sandbox-1", "uid-1", "cart-0");
  PushBasics();
  EXPECT_TRUE(datapath_.told.all);
  ASSERT_THAT(Push({GroupOf("g", {"10.0.0.2/32"})}, true, 2), IsEmpty());
  EXPECT_FALSE(datapath_.told.all);
  EXPECT_THAT(datapath_.told.groups, ElementsAre("g"));
  EXPECT_THAT(datapath_.told.sets, IsEmpty());
  EXPECT_THAT(datapath_.told.endpoints, IsEmpty());
  ASSERT_THAT(Push({PodOf("uid-1", "cart-0", "")}, true, 3), IsEmpty());
  EXPECT_THAT(datapath_.told.groups, IsEmpty());
  EXPECT_THAT(datapath_.told.endpoints, ElementsAre("sandbox-1/eth0"));
  // What the datapath could not say it holds is compared again.
  datapath_.apply_status = absl::InternalError("the map is gone");
  EXPECT_THAT(Push({GroupOf("g", {"10.0.0.3/32"})}, true, 4), SizeIs(1));
  datapath_.apply_status = absl::OkStatus();
  ASSERT_THAT(Push({GroupOf("g", {"10.0.0.3/32"})}, true, 5), IsEmpty());
  EXPECT_TRUE(datapath_.told.all);
}

TEST_F(NodeAgentTest, NamesWhatTheDatapathRefusesAndKeepsTheOld) {
  PushBasics();
  datapath_.refuse["t"] = absl::ResourceExhaustedError("row_word is full");
  const auto errors = Push({SetOf("t", "g"), ServiceOf("cart", {})}, true, 2);
  ASSERT_THAT(errors, SizeIs(1));
  EXPECT_EQ(errors[0].id.name, "t");
  EXPECT_THAT(errors[0].message, HasSubstr("row_word is full"));
  EXPECT_THAT(datapath_.applied.services, IsEmpty()) << "the datapath holds the state from before";
  EXPECT_EQ(agent_->watermark(), 1u);
  EXPECT_FALSE(ConditionOf("PolicyRealised").ok);
  EXPECT_THAT(ConditionOf("PolicyRealised").message, HasSubstr("shop/t"));
  EXPECT_TRUE(agent_->Ready().ok()) << "pods start under what is in force";

  datapath_.refuse.clear();
  EXPECT_THAT(Push({SetOf("t", "g")}, true, 3), IsEmpty());
  EXPECT_TRUE(ConditionOf("PolicyRealised").ok);
}

TEST_F(NodeAgentTest, AFullMapHidesNeitherThePolicyNorThePodThatWaitForIt) {
  PushBasics();
  std::vector<Change> changes;
  for (int i = 0; i < 5'000; ++i) {
    const std::string group = absl::StrCat("h", i);
    changes.push_back(GroupOf(group, {"10.0.0.1/32"}));
    datapath_.refuse[group] = absl::ResourceExhaustedError("class_by_prefix is full");
  }
  changes.push_back(SetOf("t", "g"));
  datapath_.refuse["t"] = absl::FailedPreconditionError("not all in the maps");
  ASSERT_THAT(Push(std::move(changes), true, 2), SizeIs(kMaxNackErrors))
      << "no more than the controller hears of";
  const std::string message = ConditionOf("PolicyRealised").message;
  EXPECT_THAT(message, HasSubstr("and 996 more"));
  EXPECT_THAT(message, HasSubstr("shop/t"));
  EXPECT_LT(message.size(), 1'000u);
}

TEST_F(NodeAgentTest, SaysWhenConnectionsFillTheirTableAndWhenTheyNoLongerDo) {
  agent_ = NewAgent(std::chrono::milliseconds(1));
  agent_->Start();
  PushBasics();
  datapath_.connections.resize(899);
  std::string message;
  int step = 0;
  RunUntil([&] {
    const Condition* fits = agent_->conditions().Find("ConnectionsFit");
    if (step == 0 && fits != nullptr && fits->ok) {
      datapath_.connections.resize(900);
      step = 1;
    } else if (step == 1 && !fits->ok) {
      message = fits->message;
      datapath_.connections.clear();
      step = 2;
    } else if (step == 2 && fits->ok) {
      step = 3;
    }
    return step == 3;
  });
  EXPECT_THAT(message, HasSubstr("900 of 1000 connections in use"));
  EXPECT_TRUE(agent_->Ready().ok());
}

TEST_F(NodeAgentTest, RefusesAnOlderWatermark) {
  ASSERT_THAT(Push({ConfigOf("node-1")}, true, 5), IsEmpty());
  const auto errors = Push({ServiceOf("cart", {})}, true, 4);
  ASSERT_THAT(errors, SizeIs(1));
  EXPECT_THAT(errors[0].message, HasSubstr("watermark 4 is older than 5"));
  EXPECT_THAT(datapath_.applied.services, IsEmpty());
}

TEST_F(NodeAgentTest, RefusesAPushWithAResourceThatCouldNotBeRead) {
  PushBasics();
  agent::Push push;
  push.watermark = 2;
  push.changes = {ServiceOf("cart", {})};
  push.errors = {{{ResourceKind::kService, "shop/bad"}, "ports[0].port: 0", {}}};
  EXPECT_THAT(agent_->OnPush(std::move(push)), SizeIs(1));
  EXPECT_THAT(datapath_.applied.services, IsEmpty());
}

TEST_F(NodeAgentTest, RefusesEverythingBeforeTheNodeIsConfigured) {
  EXPECT_THAT(Push({ServiceOf("cart", {})}), SizeIs(1));
  EXPECT_EQ(datapath_.applies, 0);
}

TEST_F(NodeAgentTest, RollsBackWhenTheDatapathFailsAsAWhole) {
  PushBasics();
  datapath_.apply_status = absl::InternalError("the map is gone");
  EXPECT_THAT(Push({ServiceOf("cart", {})}, true, 2), SizeIs(1));
  EXPECT_FALSE(agent_->Ready().ok());
  EXPECT_THAT(agent_->state().desired().services, IsEmpty());
}

TEST_F(NodeAgentTest, GivesAPodTheSetsOfItsPolicy) {
  PushBasics();
  pods_.Add("sandbox-1", "uid-1", "cart-0");
  EXPECT_TRUE(agent_->KnowsPod("uid-1", "shop", "cart-0"));
  ASSERT_TRUE(agent_->ApplyEndpoint("sandbox-1/eth0").ok());
  const datapath::LocalEndpoint& endpoint = datapath_.applied.endpoints.at("sandbox-1/eth0");
  EXPECT_TRUE(endpoint.policy_known);
  EXPECT_EQ(endpoint.ingress_set, "s");
}

TEST_F(NodeAgentTest, SaysWhyAnEndpointCannotBeProgrammed) {
  PushBasics();
  pods_.Add("sandbox-1", "uid-1", "cart-0");
  datapath_.refuse["sandbox-1/eth0"] = absl::ResourceExhaustedError("endpoint is full");
  EXPECT_THAT(std::string(agent_->ApplyEndpoint("sandbox-1/eth0").message()), HasSubstr("endpoint is full"));
}

TEST_F(NodeAgentTest, ARunningPodKeepsItsPolicyWhileTheControllerHasNotToldEverything) {
  pods_.Add("sandbox-1", "uid-1", "cart-0");
  ASSERT_THAT(Push({ConfigOf("node-1")}, /*complete=*/false), IsEmpty());
  EXPECT_FALSE(datapath_.applied.complete);
  EXPECT_THAT(datapath_.applied.endpoints, IsEmpty()) << "what the kernel holds for it stays";
  ASSERT_THAT(Push({}, /*complete=*/true), IsEmpty());
  EXPECT_FALSE(datapath_.applied.endpoints.at("sandbox-1/eth0").policy_known)
      << "now nobody knows it: it drops";
}

TEST_F(NodeAgentTest, TellsTheControllerEveryEndpointWhenItConnects) {
  PushBasics();
  pods_.Add("sandbox-1", "uid-1", "cart-0");
  const Hello hello = agent_->OnConnect();
  EXPECT_EQ(hello.watermark, 1u);
  EXPECT_EQ(hello.state->versions().size(), 4u);
  ASSERT_THAT(hello.endpoints, SizeIs(1));
  EXPECT_EQ(hello.endpoints[0].sandbox, "sandbox-1");
  EXPECT_THAT(hello.endpoints[0].addresses, ElementsAre(Address("10.244.1.5")));
}

TEST_F(NodeAgentTest, StartsUnderTheLastGoodStateWithoutAController) {
  PushBasics();
  RunUntil([&] { return agent_->conditions().Find("StateSaved") != nullptr; });
  EXPECT_TRUE(ConditionOf("StateSaved").ok);

  loop_ = EventLoop::Create().value();
  agent_ = NewAgent();
  agent_->LoadState();
  agent_->Start();
  EXPECT_EQ(agent_->watermark(), 1u);
  EXPECT_TRUE(agent_->Ready().ok());
  EXPECT_TRUE(datapath_.applied.sets.contains("s"));
  EXPECT_FALSE(datapath_.applied.complete) << "nothing is deleted before the controller has spoken";
  EXPECT_TRUE(agent_->KnowsPod("uid-1", "shop", "cart-0"));
}

// An agent that is killed between a change and its save, and whatever comes next.
class KilledAgentTest : public NodeAgentTest {
 protected:
  KilledAgentTest() {
    pods_.Add("sandbox-1", "uid-1", "cart-0");
    PushBasics();
    RunUntil([&] { return agent_->conditions().Find("StateSaved") != nullptr; });
    std::filesystem::copy_file(folder_ / "last-good", folder_ / "older");
  }

  // The agent ends with the disk as it was before its last changes; the kernel goes on.
  void Restart() {
    agent_.reset();
    std::filesystem::rename(folder_ / "older", folder_ / "last-good");
    StartAgain();
  }
  void StartAgain() {
    loop_ = EventLoop::Create().value();
    agent_ = NewAgent();
    applies_before_ = datapath_.applies;
    agent_->LoadState();
    agent_->Start();
  }
  bool TouchedTheKernel() const { return datapath_.applies != applies_before_; }

  int applies_before_ = 0;
};

TEST_F(KilledAgentTest, TakesNothingBackThatTheDiskDoesNotKnow) {
  ASSERT_THAT(Push({SetOf("t", "g"), PodOf("uid-1", "cart-0", "t")}, true, 2), IsEmpty());
  Restart();
  EXPECT_FALSE(TouchedTheKernel());
  EXPECT_EQ(datapath_.applied.endpoints.at("sandbox-1/eth0").ingress_set, "t");
  EXPECT_EQ(agent_->watermark(), 2u) << "a replica that lags behind is refused";
  EXPECT_FALSE(ConditionOf("StateCurrent").ok);
  EXPECT_FALSE(agent_->Ready().ok());
  EXPECT_FALSE(agent_->KnowsPod("uid-1", "shop", "cart-0")) << "no pod starts under an older policy";
  EXPECT_FALSE(agent_->ApplyEndpoint("sandbox-1/eth0").ok());
  EXPECT_FALSE(TouchedTheKernel());
}

TEST_F(KilledAgentTest, GoesOnOnceAControllerHasToldEverything) {
  ASSERT_THAT(Push({SetOf("t", "g"), PodOf("uid-1", "cart-0", "t")}, true, 2), IsEmpty());
  Restart();
  ASSERT_THAT(Push({SetOf("t", "g")}, /*complete=*/false, 2), IsEmpty());
  EXPECT_FALSE(TouchedTheKernel()) << "the older policy of cart-0 must not come back in between";
  ASSERT_THAT(Push({PodOf("uid-1", "cart-0", "t")}, /*complete=*/true, 2), IsEmpty());
  EXPECT_EQ(datapath_.applied.endpoints.at("sandbox-1/eth0").ingress_set, "t");
  EXPECT_TRUE(ConditionOf("StateCurrent").ok);
  EXPECT_TRUE(agent_->Ready().ok());
  EXPECT_TRUE(agent_->KnowsPod("uid-1", "shop", "cart-0"));
  RunUntil([&] { return agent_->conditions().Find("StateSaved") != nullptr; });
  StartAgain();
  EXPECT_TRUE(ConditionOf("StateCurrent").ok) << "it was saved";
  EXPECT_TRUE(TouchedTheKernel());
}

TEST_F(KilledAgentTest, KilledWhileItAppliesItWaitsAsWell) {
  // Marked, and then half or nothing of it was written.
  datapath_.mark = "0123456789abcdef0123456789abcdef 2";
  Restart();
  EXPECT_FALSE(TouchedTheKernel());
  EXPECT_FALSE(ConditionOf("StateCurrent").ok);
  ASSERT_THAT(Push({}, /*complete=*/true, 2), IsEmpty());
  EXPECT_TRUE(TouchedTheKernel());
  EXPECT_TRUE(ConditionOf("StateCurrent").ok);
}

TEST_F(KilledAgentTest, KilledAfterARefusalItStartsUnderTheStateFromBefore) {
  datapath_.refuse["t"] = absl::ResourceExhaustedError("row_word is full");
  ASSERT_THAT(Push({SetOf("t", "g")}, true, 2), SizeIs(1));
  Restart();
  EXPECT_TRUE(ConditionOf("StateCurrent").ok);
  EXPECT_TRUE(TouchedTheKernel());
}

TEST_F(KilledAgentTest, KilledAfterAFailureOfTheDatapathItWaits) {
  datapath_.apply_status = absl::InternalError("the map is gone");
  ASSERT_THAT(Push({SetOf("t", "g")}, true, 2), SizeIs(1));
  Restart();
  EXPECT_FALSE(ConditionOf("StateCurrent").ok);
}

TEST_F(KilledAgentTest, KilledAfterTheSaveItStartsAtOnce) {
  Restart();
  EXPECT_TRUE(ConditionOf("StateCurrent").ok);
  EXPECT_TRUE(TouchedTheKernel());
}

TEST_F(KilledAgentTest, AfterARebootItStartsUnderWhatIsOnDisk) {
  datapath_.mark.clear();
  Restart();
  EXPECT_TRUE(TouchedTheKernel());
  EXPECT_TRUE(agent_->Ready().ok());
}

TEST_F(KilledAgentTest, RefusesWhatItCannotMark) {
  datapath_.mark_status = absl::InternalError("write the state mark: EIO");
  const auto errors = Push({SetOf("t", "g")}, true, 2);
  ASSERT_THAT(errors, SizeIs(1));
  EXPECT_FALSE(datapath_.applied.sets.contains("t"));
}

TEST_F(NodeAgentTest, SavesWhatCameBeforeThePushThatSaidComplete) {
  ASSERT_THAT(Push({ConfigOf("node-1")}, /*complete=*/false), IsEmpty());
  ASSERT_THAT(Push({}, /*complete=*/true), IsEmpty());
  RunUntil([&] { return agent_->conditions().Find("StateSaved") != nullptr; });
}

TEST_F(NodeAgentTest, SetsADamagedStateAsideAndNamesIt) {
  std::ofstream(folder_ / "last-good") << "fairlead-state 1 5 00\nxxxxx";
  agent_->LoadState();
  EXPECT_FALSE(ConditionOf("StateLoaded").ok);
  EXPECT_THAT(ConditionOf("StateLoaded").message, HasSubstr("last-good.damaged-1"));
  EXPECT_FALSE(agent_->Ready().ok());
  EXPECT_TRUE(std::filesystem::exists(folder_ / "last-good.damaged-1"));
}

TEST_F(NodeAgentTest, AStateThatCannotBeSavedIsAConditionAndNothingElse) {
  std::string folder = folder_ / "";
  folder.pop_back();
  std::filesystem::remove_all(folder);
  std::ofstream(folder) << "a file in its place";
  PushBasics();
  RunUntil([&] { return agent_->conditions().Find("StateSaved") != nullptr; });
  EXPECT_FALSE(ConditionOf("StateSaved").ok);
  EXPECT_TRUE(agent_->Ready().ok());
}

TEST_F(NodeAgentTest, ShowsTheBackendsThatAConnectionFromThisNodeMayGet) {
  const auto shown = [this](const datapath::Service& service, const std::string& type) {
    EXPECT_THAT(Push({ConfigOf("node-1"),
                      NodeOf("node-1", "172.31.0.11"),
                      {{ResourceKind::kService, "shop/cart"}, "1", service}}),
                IsEmpty());
    std::vector<std::string> backends;
    const introspect::v1::ServicesReply reply = DescribeServices(*agent_);
    for (const auto& front_end : reply.services()) {
      if (front_end.type() != type) continue;
      for (const auto& backend : front_end.backends()) backends.push_back(backend.pod());
    }
    return backends;
  };
  datapath::Service service = std::get<datapath::Service>(ServiceOf("cart", {}).body);
  service.ports[0].node_port = 30080;
  service.ports[0].backends = {{Address("10.244.1.5"), 8080, "shop/here", "node-1", false},
                               {Address("10.244.2.5"), 8080, "shop/there", "node-2", false},
                               {Address("10.244.1.6"), 8080, "shop/leaving", "node-1", true}};
  EXPECT_THAT(shown(service, "ClusterIP"), ElementsAre("shop/here", "shop/there"));
  service.external_local = true;
  EXPECT_THAT(shown(service, "ClusterIP"), ElementsAre("shop/here", "shop/there"));
  EXPECT_THAT(shown(service, "NodePort"), ElementsAre("shop/here"));
  service.internal_local = true;
  service.ports[0].backends.erase(service.ports[0].backends.begin());
  EXPECT_THAT(shown(service, "ClusterIP"), ElementsAre("shop/leaving"));
}

TEST_F(NodeAgentTest, ReadsEventsIntoTheHistory) {
  agent_->Start();
  datapath_.AddEvent({.reason = "forwarded"});
  RunUntil([&] { return agent_->flows().end() == 1; });
}

}  // namespace
}  // namespace fairlead::agent
