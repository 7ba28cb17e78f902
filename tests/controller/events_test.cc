// Which facts become Events, when, and what is written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "controller/events/book.h"
#include "controller/events/facts.h"
#include "controller/events/writer.h"
#include "tests/controller/fake_objects.h"
#include "tests/controller/kept_link.h"
#include "tests/controller/manifests.h"
#include "tests/controller/scratch_folder.h"

namespace fairlead::controller {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr int64_t kSecond = 1'000'000'000;

// "Service shop/web Refused: ...", of a controller that reads `manifests`.
std::vector<std::string> Facts(const std::string& manifests,
                               const std::function<void(Controller&)>& then = {}) {
  const auto loop = *EventLoop::Create();
  ScratchFolder folder;
  folder.Put("m.yaml", manifests);
  ClusterSettings settings;
  settings.service_cidrs = {*IpPrefix::Parse("10.96.0.0/16")};
  const auto controller = Controller::Open({folder.path()}, settings, SystemClock(), loop.get());
  EXPECT_TRUE(controller.ok()) << controller.status();
  if (then) then(**controller);
  std::vector<std::string> texts;
  for (const EventFact& fact : FactsOf(**controller))
    texts.push_back(absl::StrCat(fact.object.ToString(), " ", fact.reason, ": ", fact.message));
  return texts;
}

TEST(EventFactsTest, NamesWhatIsRefusedAndWhatIsNotServed) {
  const auto facts = Facts(NodeYaml("n1", 1) + PodYaml("a", "n1") + ServiceYaml("good") +
                           "---\napiVersion: v1\nkind: Service\nmetadata: {name: bad, namespace: shop}\n"
                           "spec: {ports: [{port: 0}]}\n"
                           "---\napiVersion: v1\nkind: Service\nmetadata: {name: out, namespace: shop}\n"
                           "spec: {externalIPs: [192.0.2.1], ports: [{port: 80}]}\n");
  EXPECT_THAT(facts, Contains(StartsWith("Service shop/bad Refused: spec.ports[0].port")));
  EXPECT_THAT(facts, Contains(StartsWith("Service shop/out NotServed: spec.externalIPs")));
}

TEST(EventFactsTest, NamesServicesThatNobodyServes) {
  const std::string served =
      "---\napiVersion: v1\nkind: Pod\nmetadata: {name: up, namespace: shop, labels: {app: up}}\n"
      "spec: {nodeName: n1, containers: [{name: c, image: i, ports: [{name: http, containerPort: 80}]}]}\n"
      "status: {podIPs: [{ip: 10.244.1.7}]}\n";
  const auto facts =
      Facts(NodeYaml("n1", 1) + served + ServiceYaml("up", "up") + ServiceYaml("empty", "nobody") +
            "---\napiVersion: v1\nkind: Service\nmetadata: {name: quiet, namespace: shop}\n"
            "spec: {clusterIP: None, selector: {app: nobody}, ports: [{port: 80}]}\n");
  EXPECT_THAT(facts,
              ElementsAre("Service shop/empty NoEndpoints: no endpoint is ready: connections to it are "
                          "refused at once"));
}

TEST(EventFactsTest, NamesWhatNodesCannotHoldOnceForAllNodes) {
  std::vector<KeptLink> links(2);
  const auto facts = Facts(NodeYaml("n1", 1) + NodeYaml("n2", 2) + PodYaml("a", "n1", "a") +
                               PodYaml("b", "n2", "a") + PolicyYaml("y", "a", "b"),
                           [&](Controller& controller) {
                             for (int i = 0; i < 2; ++i) {
                               HelloMessage hello;
                               hello.protocol_version = kProtocolVersion;
                               hello.node = absl::StrCat("n", i + 1);
                               KeptLink& link = links[static_cast<size_t>(i)];
                               ASSERT_TRUE(controller.hub().OnHello(&link, hello).ok());
                               std::vector<ResourceError> errors;
                               for (const Upsert& upsert : link.last->upserts) {
                                 if (upsert.resource->id.kind == ResourceKind::kPolicySet)
                                   errors.push_back({upsert.resource->id, "map policy_rule is full"});
                               }
                               ASSERT_EQ(errors.size(), 1u);
                               ASSERT_TRUE(controller.hub().OnNack(&link, link.last->nonce, errors).ok());
                             }
                           });
  EXPECT_THAT(facts,
              ElementsAre("NetworkPolicy shop/y NotProgrammed: node n1 and 1 more cannot hold its newest "
                          "version: map policy_rule is full"));
}

EventFact Fact(const std::string& name, int64_t patience_ns = 0) {
  return {{"Service", "shop", name}, "Refused", "because", patience_ns};
}

// Names and counts of what is written.
std::vector<std::string> Written(EventBook& book, const std::vector<EventFact>& facts, int64_t now_ns) {
  std::vector<std::string> names;
  for (const EventWrite& write : book.Round(facts, now_ns))
    names.push_back(absl::StrCat(write.fact.object.name, " ", write.count));
  return names;
}

TEST(EventBookTest, WritesOnceAndAgainAfterAWhile) {
  EventBook book;
  EXPECT_THAT(Written(book, {Fact("a")}, 0), ElementsAre("a 1"));
  EXPECT_THAT(Written(book, {Fact("a"), Fact("b")}, kSecond), ElementsAre("b 1"));
  EXPECT_THAT(Written(book, {Fact("a"), Fact("b")}, EventBook::kRepeatNs - 1), IsEmpty());
  EXPECT_THAT(Written(book, {Fact("a"), Fact("b")}, EventBook::kRepeatNs), ElementsAre("a 2"));
}

TEST(EventBookTest, WhatComesAndGoesIsNotWrittenEachTime) {
  EventBook book;
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(Written(book, {Fact("a")}, (2 * i) * kSecond).empty(), i > 0);
    EXPECT_THAT(Written(book, {}, (2 * i + 1) * kSecond), IsEmpty());
  }
  EXPECT_THAT(Written(book, {}, 2 * EventBook::kRepeatNs), IsEmpty());
  EXPECT_EQ(book.size(), 0u);
}

TEST(EventBookTest, PatienceBeginsAnewWhenAFactWasGone) {
  EventBook book;
  const EventFact slow = Fact("slow", 30 * kSecond);
  EXPECT_THAT(Written(book, {slow}, 0), IsEmpty());
  EXPECT_THAT(Written(book, {slow}, 29 * kSecond), IsEmpty());
  EXPECT_THAT(Written(book, {}, 30 * kSecond), IsEmpty());
  EXPECT_THAT(Written(book, {slow}, 31 * kSecond), IsEmpty());
  EXPECT_THAT(Written(book, {slow}, 60 * kSecond), IsEmpty());
  EXPECT_THAT(Written(book, {slow}, 61 * kSecond), ElementsAre("slow 1"));
}

TEST(EventBookTest, ManyAreWrittenOneRoundAfterTheOther) {
  EventBook book;
  std::vector<EventFact> many;
  for (size_t i = 0; i < 2 * EventBook::kMaxWrites + 1; ++i) many.push_back(Fact(absl::StrCat("s", i)));
  EXPECT_EQ(Written(book, many, 0).size(), EventBook::kMaxWrites);
  EXPECT_EQ(Written(book, many, 1).size(), EventBook::kMaxWrites);
  EXPECT_EQ(Written(book, many, 2).size(), 1u);
  for (size_t i = 0; i < EventBook::kMaxFacts; ++i) many.push_back(Fact(absl::StrCat("t", i)));
  Written(book, many, 3);
  EXPECT_EQ(book.size(), EventBook::kMaxFacts);
}

class EventWriterTest : public ::testing::Test {
 protected:
  EventWriterTest() {
    objects_.Caller()({.method = "POST",
                       .path = "/api/v1/namespaces/shop/services",
                       .body = {{"metadata", {{"name", "a"}, {"uid", "uid-a"}}}}},
                      [](const absl::StatusOr<nlohmann::json>&) {});
    objects_.AnswerAll();
  }
  void Write(EventWriter& writer, const EventFact& fact, uint64_t count) {
    writer.Write({fact, count});
    objects_.AnswerAll();
  }
  std::vector<nlohmann::json> Events() const { return objects_.Under("/api/v1/namespaces/shop/events/"); }

  FakeObjects objects_;
  FakeClock clock_;
};

TEST_F(EventWriterTest, AnEventIsOfItsObjectAndSaysWhoWhatAndWhen) {
  EventWriter writer(objects_.Caller(), "controller-1", &clock_);
  Write(writer, Fact("a"), 1);
  ASSERT_EQ(Events().size(), 1u);
  const nlohmann::json event = Events()[0];
  EXPECT_EQ(event["involvedObject"]["uid"], "uid-a");
  EXPECT_EQ(event["involvedObject"]["kind"], "Service");
  EXPECT_EQ(event["reason"], "Refused");
  EXPECT_EQ(event["message"], "because");
  EXPECT_EQ(event["type"], "Warning");
  EXPECT_EQ(event["lastTimestamp"], "2023-11-14T22:13:20Z");
  EXPECT_THAT(event["metadata"]["name"].get<std::string>(), StartsWith("a."));
}

TEST_F(EventWriterTest, ReplicasWriteOneEventBetweenThem) {
  EventWriter one(objects_.Caller(), "controller-1", &clock_),
      two(objects_.Caller(), "controller-2", &clock_);
  Write(one, Fact("a"), 1);
  Write(two, Fact("a"), 1);
  ASSERT_EQ(Events().size(), 1u);
  EXPECT_EQ(Events()[0]["count"], 1);
  clock_.Advance(EventBook::kRepeatNs);
  Write(one, Fact("a"), 2);
  Write(two, Fact("a"), 2);
  ASSERT_EQ(Events().size(), 1u);
  EXPECT_EQ(Events()[0]["count"], 2);
  EXPECT_EQ(Events()[0]["lastTimestamp"], "2023-11-14T22:43:20Z");
  EXPECT_EQ(Events()[0]["firstTimestamp"], "2023-11-14T22:13:20Z");
}

TEST_F(EventWriterTest, AnEventThatTheApiServerForgotIsWrittenAgain) {
  EventWriter writer(objects_.Caller(), "controller-1", &clock_);
  Write(writer, Fact("a"), 1);
  objects_.Delete(
      absl::StrCat("/api/v1/namespaces/shop/events/", Events()[0]["metadata"]["name"].get<std::string>()));
  Write(writer, Fact("a"), 2);
  ASSERT_EQ(Events().size(), 1u);
  EXPECT_EQ(Events()[0]["count"], 2);
}

TEST_F(EventWriterTest, NothingIsWrittenOfAnObjectThatIsGoneOrForbidden) {
  EventWriter writer(objects_.Caller(), "controller-1", &clock_);
  Write(writer, Fact("gone"), 1);
  objects_.Refuse("POST", "/events", absl::PermissionDeniedError("events is forbidden"));
  Write(writer, Fact("a"), 1);
  EXPECT_THAT(Events(), IsEmpty());
}

TEST_F(EventWriterTest, ALongMessageIsCutToWhatTheApiServerTakes) {
  EventWriter writer(objects_.Caller(), "controller-1", &clock_);
  EventFact fact = Fact("a");
  fact.message = std::string(5000, 'x');
  Write(writer, fact, 1);
  ASSERT_EQ(Events().size(), 1u);
  EXPECT_EQ(Events()[0]["message"].get<std::string>().size(), 1024u);
}

}  // namespace
}  // namespace fairlead::controller
