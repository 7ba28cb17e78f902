// Status objects: what they say of a cluster whose agents take their time, and when they are written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <random>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "controller/status/book.h"
#include "controller/status/documents.h"
#include "controller/status/node_state.h"
#include "controller/status/realisations.h"
#include "controller/status/reporter.h"
#include "kube/controller_pods.h"
#include "kube/json.h"
#include "tests/controller/fake_objects.h"
#include "tests/controller/fake_source.h"
#include "tests/controller/kept_link.h"
#include "tests/controller/manifests.h"

namespace fairlead::controller {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using State = NodeRealisation::State;

// As the API server numbers objects.
std::string Numbered(const std::string& yaml, const std::string& uid, int version) {
  std::string text = yaml;
  const std::string metadata = "metadata: {";
  text.insert(text.find(metadata) + metadata.size(),
              absl::StrCat("uid: ", uid, ", generation: 3, resourceVersion: \"", version, "\", "));
  return text;
}

// A controller that reads manifests; its agents answer when the test says.
class Site {
 public:
  Site() {
    ClusterSettings settings;
    settings.service_cidrs = {*IpPrefix::Parse("10.96.0.0/16")};
    std::tie(controller_, source_) = FakeSource::Open(settings, Text(""));
  }

  // Besides two nodes with a pod each, the first of app a, and a Service.
  void Put(const std::string& text) { source_->Put(Text(text)); }
  static std::string Text(const std::string& text) {
    return Numbered(NodeYaml("n1", 1), "uid-n1", 1) + Numbered(NodeYaml("n2", 2), "uid-n2", 2) +
           PodYaml("p1", "n1", "a") + PodYaml("p2", "n2", "b") + Numbered(ServiceYaml("s", "a"), "uid-s", 3) +
           text;
  }
  void Connect(const std::string& node) {
    HelloMessage hello;
    hello.protocol_version = kProtocolVersion;
    hello.node = node;
    hello.agent_version = "1.2.3";
    ASSERT_TRUE(controller_->hub().OnHello(&links_[node], hello).ok());
  }
  bool HasPush(const std::string& node) { return links_[node].last.has_value(); }
  void Ack(const std::string& node) {
    const Push push = *std::exchange(links_[node].last, std::nullopt);
    ASSERT_TRUE(controller_->hub().OnAck(&links_[node], push.nonce).ok());
  }
  void Refuse(const std::string& node, ResourceKind kind) {
    const Push push = *std::exchange(links_[node].last, std::nullopt);
    std::vector<ResourceError> errors;
    for (const Upsert& upsert : push.upserts) {
      if (upsert.resource->id.kind == kind)
        errors.push_back({upsert.resource->id, "map policy_rule is full"});
    }
    ASSERT_FALSE(errors.empty());
    ASSERT_TRUE(controller_->hub().OnNack(&links_[node], push.nonce, errors).ok());
  }
  void Take(const std::string& node) {
    while (HasPush(node)) Ack(node);
  }
  void ConnectAndTake() {
    for (const char* node : {"n1", "n2"}) {
      Connect(node);
      Take(node);
    }
  }
  void Leave(const std::string& node) {
    controller_->hub().OnGone(&links_[node]);
    links_[node].last.reset();
  }
  bool IsConnected(const std::string& node) { return controller_->hub().ProgressOf(node).connected; }

  Controller& controller() { return *controller_; }
  EventLoop* loop() { return loop_.get(); }

  std::map<ObjectKey, ObjectRealisation> Judged() {
    std::map<ObjectKey, ObjectRealisation> all;
    for (ObjectRealisation& one :
         RealisationRound(*controller_).Judge(*controller_, controller_->hub().Progress()))
      all[one.object] = one;
    return all;
  }

 private:
  std::unique_ptr<EventLoop> loop_ = *EventLoop::Create();
  std::unique_ptr<Controller> controller_;
  FakeSource* source_ = nullptr;
  std::map<std::string, KeptLink> links_;
};

const ObjectKey kPolicy{"NetworkPolicy", "shop", "y"};
const ObjectKey kService{"Service", "shop", "s"};

std::string Policy(int version) {
  return Numbered(PolicyYaml("y", "a", "b"), "uid-y", version);
}

TEST(RealisationRoundTest, SaysOfAllObjectsWhatIsSaidOfOne) {
  const uint32_t seed = ::testing::UnitTest::GetInstance()->random_seed();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  Site site;
  const std::vector<std::string> manifests = {
      "", Policy(10), Policy(11) + PolicyYaml("z", "b", "a"),
      PolicyYaml("z", "web", "a") + PodYaml("p3", "n2"),
      PodYaml("p4", "n1", "b") + PolicyYaml("all", "b", "b") + ServiceYaml("t", "b")};
  size_t judged = 0;
  for (int step = 0; step < 400; ++step) {
    const std::string node = random() % 2 == 0 ? "n1" : "n2";
    switch (random() % 8) {
      case 0:
        site.Put(manifests[random() % manifests.size()]);
        break;
      case 1:
        if (!site.IsConnected(node)) site.Connect(node);
        break;
      case 2:
        site.Leave(node);
        break;
      default:
        if (site.HasPush(node)) site.Ack(node);
    }
    for (const auto& [key, all] : site.Judged()) {
      const auto one = RealisationOf(key, site.controller().store(), site.controller().hub());
      std::vector<std::pair<std::string, State>> late;
      bool is_told = true;
      for (const NodeRealisation& realisation : one) {
        if (realisation.state != State::kRealised) late.emplace_back(realisation.node, realisation.state);
        const AgentProgress progress = site.controller().hub().ProgressOf(realisation.node);
        is_told = is_told && (!progress.connected || progress.told);
      }
      ASSERT_EQ(all.realised, one.size() - late.size()) << key.ToString() << ", step " << step;
      if (!is_told) continue;  // what else an agent lacks is not known yet
      ++judged;
      std::vector<std::pair<std::string, State>> found;
      for (const NodeRealisation& realisation : all.late)
        found.emplace_back(realisation.node, realisation.state);
      ASSERT_EQ(found, late) << key.ToString() << ", step " << step;
      ASSERT_EQ(all.nodes, one.size()) << key.ToString() << ", step " << step;
    }
  }
  EXPECT_GT(judged, 100u);
}

TEST(RealisationRoundTest, WantsOfOtherReplicasNoMoreThanWhatIsThere) {
  Site site;
  using Seen = std::map<std::string, uint64_t>;
  site.Put(Policy(12));
  EXPECT_EQ(RealisationRound(site.controller()).seen(),
            (Seen{{"NetworkPolicy", 12}, {"Node", 2}, {"Service", 3}}));
  // As after an API server that was restored from a copy of yesterday.
  site.Put(Policy(10));
  EXPECT_EQ(RealisationRound(site.controller()).seen().at("NetworkPolicy"), 10u);
  site.Put("");
  EXPECT_EQ(RealisationRound(site.controller()).seen().count("NetworkPolicy"), 0u);
}

TEST(RealisationRoundTest, LeavesWhatChangesMeanwhileToTheNext) {
  Site site;
  site.ConnectAndTake();
  site.Put(Policy(10));
  const RealisationRound round(site.controller());
  site.Put(Policy(11));
  for (const ObjectRealisation& one : round.Judge(site.controller(), site.controller().hub().Progress()))
    EXPECT_NE(one.object, kPolicy);
}

// Agents of a replica that had not heard of it cannot hold it.
TEST(RealisationRoundTest, ANodeThatAPolicyComesToConcernMeanwhileIsLate) {
  Site site;
  site.ConnectAndTake();
  site.Put(Policy(10));
  site.Take("n1");
  const RealisationRound round(site.controller());
  ClusterProgress before = site.controller().hub().Progress();
  site.Put(Policy(10) + PodYaml("p3", "n2", "a"));
  for (const ObjectRealisation& one : round.Judge(site.controller(), before)) {
    if (one.object != kPolicy) continue;
    EXPECT_EQ(one.nodes, 2u);
    EXPECT_EQ(one.realised, 1u);
    EXPECT_EQ(one.late.front().node, "n2");
  }
}

TEST(StatusDocumentTest, APolicyInForceEverywhere) {
  Site site;
  site.ConnectAndTake();
  site.Put(Policy(10));
  site.Take("n1");
  const StatusDocument document = DocumentOf(site.Judged().at(kPolicy));
  EXPECT_EQ(document.path, "/apis/fairlead.io/v1alpha1/namespaces/shop/fairleadrealisations/networkpolicy.y");
  EXPECT_EQ(document.body["object"], nlohmann::json({{"kind", "NetworkPolicy"}, {"name", "y"}}));
  EXPECT_EQ(document.body["metadata"]["ownerReferences"][0]["uid"], "uid-y");
  EXPECT_EQ(document.body["metadata"]["ownerReferences"][0]["apiVersion"], "networking.k8s.io/v1");
  const nlohmann::json& status = document.body["status"];
  EXPECT_EQ(status["observedGeneration"], 3);
  EXPECT_EQ(status["observedResourceVersion"], "10");
  EXPECT_EQ(status["summary"], "1/1");
  EXPECT_EQ(status["conditions"][0]["status"], "True");
  EXPECT_EQ(status["lateNodes"], nlohmann::json::array());
}

TEST(StatusDocumentTest, WhatIsLateOrRefusedIsNamedWithItsNode) {
  Site site;
  site.ConnectAndTake();
  site.Put(Policy(10));
  nlohmann::json status = DocumentOf(site.Judged().at(kPolicy)).body["status"];
  EXPECT_EQ(status["summary"], "0/1");
  EXPECT_EQ(status["conditions"][0]["reason"], "NodesLate");
  EXPECT_EQ(status["lateNodes"][0]["state"], "Late");
  site.Refuse("n1", ResourceKind::kPolicySet);
  site.Take("n1");
  status = DocumentOf(site.Judged().at(kPolicy)).body["status"];
  EXPECT_EQ(status["conditions"][0]["reason"], "NodesRefuse");
  EXPECT_THAT(std::string(status["conditions"][0]["message"]),
              HasSubstr("in force on 0 of 1 nodes; n1: map policy_rule is full"));
  EXPECT_EQ(status["lateNodes"][0]["state"], "Refused");
}

TEST(StatusDocumentTest, ARefusedVersionAndAPolicyWithoutPods) {
  Site site;
  site.ConnectAndTake();
  site.Put(Numbered(PolicyYaml("y", "nobody", "b"), "uid-y", 10));
  nlohmann::json condition = DocumentOf(site.Judged().at(kPolicy)).body["status"]["conditions"][0];
  EXPECT_EQ(condition["status"], "True");
  EXPECT_EQ(condition["reason"], "NoNodes");
  site.Put(Policy(10));
  site.Take("n1");
  std::string bad = Policy(11);
  bad.replace(bad.find("podSelector"), 11, "podSelektor");
  site.Put(bad);
  condition = DocumentOf(site.Judged().at(kPolicy)).body["status"]["conditions"][0];
  EXPECT_EQ(condition["status"], "False");
  EXPECT_EQ(condition["reason"], "Refused");
  EXPECT_THAT(std::string(condition["message"]), HasSubstr("podSelektor"));
}

TEST(StatusDocumentTest, AServiceConcernsEveryNode) {
  Site site;
  site.Connect("n1");
  site.Take("n1");
  const nlohmann::json status = DocumentOf(site.Judged().at(kService)).body["status"];
  EXPECT_EQ(status["summary"], "1/2");
  EXPECT_EQ(status["lateNodes"][0]["node"], "n2");
  EXPECT_EQ(status["lateNodes"][0]["state"], "NotConnected");
}

TEST(StatusDocumentTest, LongNamesStayNamesAndDifferent) {
  ObjectRealisation one{.object = {"NetworkPolicy", "shop", std::string(252, 'a') + "b"}};
  ObjectRealisation two{.object = {"NetworkPolicy", "shop", std::string(252, 'a') + "c"}};
  const std::string first = DocumentOf(one).body["metadata"]["name"],
                    second = DocumentOf(two).body["metadata"]["name"];
  EXPECT_EQ(first.size(), 253u);
  EXPECT_NE(first, second);
  EXPECT_TRUE(absl::StartsWith(first, "networkpolicy.aaa"));
}

TEST(StatusDocumentTest, ANodeAsItsAgentSays) {
  Site site;
  site.Connect("n1");
  site.Take("n1");
  auto of = [&](size_t n) {
    return DocumentOf(NodeStatesOf(site.controller(), site.controller().hub().Progress())[n]).body;
  };
  nlohmann::json status = of(0)["status"];
  EXPECT_EQ(status["agentVersion"], "1.2.3");
  EXPECT_EQ(status["pods"], 1);
  EXPECT_EQ(status["podCIDRs"][0], "10.244.1.0/24");
  EXPECT_EQ(status["conditions"][0]["status"], "Unknown") << "it has not said how it is";
  EXPECT_EQ(status["conditions"][2]["type"], "UpToDate");
  EXPECT_EQ(status["conditions"][2]["status"], "True");
  EXPECT_EQ(of(1)["status"]["conditions"][1]["status"], "False") << "not connected";

  ClusterProgress progress = site.controller().hub().Progress();
  progress["n1"].health =
      AgentHealth{.ready = false,
                  .kernel = "6.1.0",
                  .conditions = {{"DatapathReady", false, "no memory"}, {"PodsAreOurs", true, ""}},
                  .pools = {{*IpPrefix::Parse("10.244.1.0/24"), 4, 250, 0}}};
  status = DocumentOf(NodeStatesOf(site.controller(), progress)[0]).body["status"];
  EXPECT_EQ(status["conditions"][0]["status"], "False");
  EXPECT_EQ(status["conditions"][0]["message"], "DatapathReady: no memory");
  EXPECT_EQ(status["conditions"][3]["type"], "DatapathReady");
  EXPECT_EQ(status["addresses"][0]["free"], 250);
  EXPECT_EQ(status["kernelVersion"], "6.1.0");
}

StatusDocument Document(const std::string& name, const std::string& status = "True", int64_t patience_ns = 0,
                        const std::string& version = "v") {
  return {.path = absl::StrCat(kNodesPath, "/", name),
          .body = {{"apiVersion", "fairlead.io/v1alpha1"},
                   {"kind", "FairleadNode"},
                   {"metadata", {{"name", name}, {"ownerReferences", nlohmann::json::array()}}},
                   {"status",
                    {{"conditions",
                      nlohmann::json::array(
                          {{{"type", "Ready"}, {"status", status}, {"reason", "R"}, {"message", ""}}})}}}},
          .version = version,
          .patience_ns = patience_ns};
}

constexpr int64_t kSecondNs = 1'000'000'000;

std::vector<std::string> PathsOf(const std::vector<StatusWrite>& writes) {
  std::vector<std::string> paths;
  for (const StatusWrite& write : writes)
    paths.push_back(
        absl::StrCat(write.body.is_null() ? "-" : "", write.path.substr(write.path.rfind('/') + 1)));
  return paths;
}

TEST(StatusBookTest, WritesWhatReadsOtherwiseAndKeepsTheTimesOfWhatDoesNotTurn) {
  StatusBook book;
  const auto first = book.Round({Document("a")}, kSecondNs, 0);
  ASSERT_THAT(PathsOf(first), ElementsAre("a"));
  EXPECT_EQ(first[0].body["status"]["conditions"][0]["lastTransitionTime"], "1970-01-01T00:00:00Z");
  EXPECT_THAT(book.Round({Document("a")}, 2 * kSecondNs, kSecondNs), IsEmpty());
  StatusDocument same = Document("a");
  same.body["status"]["pods"] = 5;
  const auto second = book.Round({same}, 3 * kSecondNs, 5 * kSecondNs);
  ASSERT_THAT(PathsOf(second), ElementsAre("a"));
  EXPECT_EQ(second[0].body["status"]["conditions"][0]["lastTransitionTime"], "1970-01-01T00:00:00Z");
  const auto third = book.Round({Document("a", "False")}, 4 * kSecondNs, 7 * kSecondNs);
  ASSERT_THAT(PathsOf(third), ElementsAre("a"));
  EXPECT_EQ(third[0].body["status"]["conditions"][0]["lastTransitionTime"], "1970-01-01T00:00:07Z");
}

TEST(StatusBookTest, TheSameVersionIsToldAnewOnlyAfterAWhile) {
  StatusBook book;
  book.Round({Document("a")}, kSecondNs, 0);
  EXPECT_THAT(book.Round({Document("a", "False", 10 * kSecondNs)}, 2 * kSecondNs, 0), IsEmpty());
  EXPECT_THAT(book.Round({Document("a", "True", 0)}, 5 * kSecondNs, 0), IsEmpty()) << "it was a moment";
  EXPECT_THAT(book.Round({Document("a", "False", 10 * kSecondNs)}, 8 * kSecondNs, 0), IsEmpty());
  EXPECT_THAT(book.Round({Document("a", "False", 10 * kSecondNs)}, 18 * kSecondNs, 0), SizeIs(1));
  EXPECT_THAT(book.Round({Document("a", "False", 10 * kSecondNs, "w")}, 19 * kSecondNs, 0), IsEmpty())
      << "it reads the same";
  EXPECT_THAT(book.Round({Document("a", "True", 10 * kSecondNs, "x")}, 20 * kSecondNs, 0), SizeIs(1))
      << "another version is told at once";
}

TEST(StatusBookTest, WhatIsThereAlreadyIsNotWritten) {
  StatusBook first;
  nlohmann::json there = first.Round({Document("a")}, kSecondNs, 0)[0].body;
  there["metadata"]["managedFields"] = nlohmann::json::array();
  there["metadata"]["resourceVersion"] = "7";
  StatusBook book;
  book.Load({there});
  EXPECT_THAT(book.Round({Document("a")}, kSecondNs, 0), IsEmpty());
  there["status"]["conditions"][0]["status"] = "Unknown";  // somebody has meddled
  book.Load({there});
  EXPECT_THAT(PathsOf(book.Round({Document("a")}, kSecondNs, 0)), ElementsAre("a"));
  book.Load({});
  EXPECT_THAT(PathsOf(book.Round({Document("a")}, kSecondNs, 0)), ElementsAre("a"))
      << "somebody has deleted it";
}

TEST(StatusBookTest, WhatNobodyWantsGoesAfterAWhile) {
  StatusBook book;
  book.Round({Document("a"), Document("b")}, kSecondNs, 0);
  EXPECT_THAT(book.Round({Document("a")}, 2 * kSecondNs, 0), IsEmpty());
  const int64_t later_ns = 2 * kSecondNs + StatusBook::kGonePatienceNs;
  EXPECT_THAT(PathsOf(book.Round({Document("a")}, later_ns, 0)), ElementsAre("-b"));
  EXPECT_THAT(book.Round({Document("a")}, later_ns + kSecondNs, 0), IsEmpty());
}

TEST(StatusBookTest, WritesAtABoundedRateAndEachInItsTurn) {
  StatusBook book;
  std::vector<StatusDocument> documents;
  for (size_t i = 0; i < StatusBook::kMaxWrites + 30; ++i)
    documents.push_back(Document(absl::StrCat("n", 1000 + i)));
  EXPECT_THAT(book.Round(documents, kSecondNs, 0), SizeIs(StatusBook::kMaxWrites));
  EXPECT_EQ(book.waiting(), 30u);
  for (StatusDocument& document : documents) document.body["status"]["pods"] = 1;  // all change all the time
  const std::vector<std::string> paths = PathsOf(book.Round(documents, 2 * kSecondNs, 0));
  EXPECT_EQ(paths.front(), absl::StrCat("n", 1000 + StatusBook::kMaxWrites));
}

TEST(StatusBookTest, AWriteThatFailedIsMadeAgain) {
  StatusBook book;
  book.Round({Document("a")}, kSecondNs, 0);
  book.OnFailure(absl::StrCat(kNodesPath, "/a"));
  EXPECT_THAT(PathsOf(book.Round({Document("a")}, 2 * kSecondNs, 0)), ElementsAre("a"));
}

// Other replicas, as the test says.
struct FakePeers : PeerClient {
  void AskProgress(const std::string& replica, const std::map<std::string, uint64_t>&, Done done) override {
    waiting.emplace_back(replica, std::move(done));
  }
  std::vector<std::pair<std::string, Done>> waiting;
};

class StatusReporterTest : public ::testing::Test {
 protected:
  StatusReporterTest()
      : leader_(objects_.Caller(), "fairlead", "c1", &clock_, site_.loop()),
        progress_({.namespace_name = "fairlead", .pod = "c1", .port = 9443}, objects_.Caller(), &peers_,
                  &site_.controller(), site_.loop()),
        reporter_(&site_.controller(), objects_.Caller(), &leader_, &progress_, &clock_, site_.loop()) {
    SetReplicas({{"c1", "10.0.0.1"}});
    site_.Put(Policy(10));
    site_.ConnectAndTake();
  }

  void SetReplicas(const std::map<std::string, std::string>& replicas) {
    nlohmann::json items = nlohmann::json::array();
    for (const auto& [name, address] : replicas)
      items.push_back(
          {{"metadata", {{"name", name}}}, {"status", {{"podIP", address}, {"phase", "Running"}}}});
    objects_.SetField(kube::ControllerPodsPath("fairlead"), "/items"_json_pointer, items);
  }
  void Lead() {
    leader_.Round();
    objects_.AnswerAll();
    ASSERT_TRUE(leader_.leads());
  }
  void Round() {
    clock_.Advance(StatusReporter::kIntervalNs);
    reporter_.Round();
    objects_.AnswerAll();
  }
  std::string ConditionOf(const std::string& path, size_t n = 0) {
    const nlohmann::json* object = objects_.Find(absl::StrCat(kStatusApi, path));
    return object == nullptr ? "none" : std::string(object->at("status")["conditions"][n]["status"]);
  }

  FakeObjects objects_;
  FakeClock clock_;
  Site site_;
  FakePeers peers_;
  Leader leader_;
  ProgressRound progress_;
  StatusReporter reporter_;
};

constexpr char kPolicyPath[] = "/namespaces/shop/fairleadrealisations/networkpolicy.y";

TEST_F(StatusReporterTest, OnlyTheReplicaThatHoldsTheLeaseWrites) {
  Round();
  EXPECT_EQ(objects_.writes(), 0u);
  Lead();
  Round();
  EXPECT_EQ(ConditionOf(kPolicyPath), "True");
  EXPECT_EQ(ConditionOf("/namespaces/shop/fairleadrealisations/service.s"), "True");
  EXPECT_EQ(ConditionOf("/fairleadnodes/n1", 1), "True");
  EXPECT_TRUE(reporter_.status().ok()) << reporter_.status();
  const size_t writes = objects_.writes();
  Round();
  EXPECT_EQ(objects_.writes(), writes) << "nothing has changed";
}

TEST_F(StatusReporterTest, WhatAnotherReplicaHasWrittenIsNotWrittenAgain) {
  Lead();
  Round();
  const size_t writes = objects_.writes();
  StatusReporter next(&site_.controller(), objects_.Caller(), &leader_, &progress_, &clock_, site_.loop());
  next.Round();
  objects_.AnswerAll();
  EXPECT_EQ(objects_.writes(), writes);
}

TEST_F(StatusReporterTest, AgentsOfOtherReplicasCount) {
  SetReplicas({{"c1", "10.0.0.1"}, {"c2", "10.0.0.2"}});
  const ClusterProgress there = {{"n1", site_.controller().hub().ProgressOf("n1")}};
  site_.Leave("n1");
  Lead();
  Round();
  EXPECT_EQ(ConditionOf(kPolicyPath), "none") << "nothing is said before all replicas have answered";
  ASSERT_THAT(peers_.waiting, SizeIs(1));
  EXPECT_EQ(peers_.waiting[0].first, "10.0.0.2:9443");
  peers_.waiting[0].second(there);
  objects_.AnswerAll();
  EXPECT_EQ(ConditionOf(kPolicyPath), "True");
}

TEST_F(StatusReporterTest, AReplicaThatDoesNotAnswerIsSaid) {
  SetReplicas({{"c2", "10.0.0.2"}});
  site_.Leave("n1");
  Lead();
  Round();
  ASSERT_THAT(peers_.waiting, SizeIs(1));
  peers_.waiting[0].second(absl::DeadlineExceededError("no answer from 10.0.0.2"));
  objects_.AnswerAll();
  EXPECT_EQ(ConditionOf(kPolicyPath), "False");
  EXPECT_THAT(reporter_.status().message(), HasSubstr("no answer from 10.0.0.2"));
}

TEST_F(StatusReporterTest, WithoutItsDefinitionsItSaysWhereTheyComeFrom) {
  objects_.Refuse("GET", "/fairleadnodes?limit=500", absl::NotFoundError("404"));
  Lead();
  Round();
  EXPECT_THAT(reporter_.status().message(), HasSubstr("helm upgrade"));
  EXPECT_EQ(objects_.writes(), 1u) << "the Lease alone";
}

TEST_F(StatusReporterTest, AnObjectThatGoesTakesItsStatusAlong) {
  Lead();
  Round();
  site_.Put("");
  Round();
  EXPECT_EQ(ConditionOf(kPolicyPath), "True") << "the API server's own garbage collection comes first";
  clock_.Advance(StatusBook::kGonePatienceNs);
  Lead();
  Round();
  EXPECT_EQ(ConditionOf(kPolicyPath), "none");
}

}  // namespace
}  // namespace fairlead::controller
