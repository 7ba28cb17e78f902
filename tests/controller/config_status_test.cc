// What the status of the FairleadConfig says, and when it is written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "absl/strings/str_cat.h"
#include "controller/config/status.h"
#include "controller/config/status_writer.h"
#include "tests/controller/fake_objects.h"
#include "tests/controller/manifests.h"
#include "tests/controller/scratch_folder.h"

namespace fairlead::controller {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kPath[] = "/apis/fairlead.io/v1alpha1/fairleadconfigs/fairlead";

// Of a controller that masquerades by itself and reads `manifests`, and then `later`.
json StatusOf(const std::string& manifests, const std::string& later = "") {
  const auto loop = *EventLoop::Create();
  ScratchFolder folder;
  folder.Put("m.yaml", manifests);
  ClusterSettings settings;
  settings.masquerade = true;
  settings.service_cidrs = {*IpPrefix::Parse("10.96.0.0/16")};
  const auto controller = Controller::Open({folder.path()}, settings, SystemClock(), loop.get());
  EXPECT_TRUE(controller.ok()) << controller.status();
  if (!later.empty()) {
    (*controller)->OnChange([&] { loop->Stop(); });
    loop->After(std::chrono::seconds(30), [&] { loop->Stop(); });
    folder.Put("m.yaml", later);
    loop->Run();
  }
  return ConfigStatusOf(**controller);
}

json ConditionOf(const json& status) {
  return status.at("conditions").at(0);
}

TEST(ConfigStatusTest, ThereIsNoneWithoutTheObject) {
  EXPECT_TRUE(StatusOf(NodeYaml("n1", 1)).is_null());
}

TEST(ConfigStatusTest, SaysWhatIsInForceAndWhereItIsFrom) {
  const json status =
      StatusOf(NodeYaml("n1", 1) + ConfigYaml("socketBalancing: false, nativeCIDRs: [10.1.2.3/8]"));
  EXPECT_EQ(ConditionOf(status),
            json({{"type", "Accepted"}, {"status", "True"}, {"reason", "Accepted"}, {"message", ""}}));
  EXPECT_EQ(status.at("effective"),
            json({{"masquerade", {{"value", true}, {"origin", "default"}}},
                  {"socketBalancing", {{"value", false}, {"origin", "FairleadConfig"}}},
                  {"nativeCIDRs", {{"value", {"10.0.0.0/8"}}, {"origin", "FairleadConfig"}}},
                  {"serviceCIDRs", {{"value", {"10.96.0.0/16"}}, {"origin", "default"}}}}));
}

TEST(ConfigStatusTest, SaysWhyItIsRefusedAndWhatStaysInForce) {
  const json fresh = StatusOf(ConfigYaml("masquerade: no, natvieCIDRs: []"));
  EXPECT_EQ(ConditionOf(fresh).at("status"), "False");
  EXPECT_EQ(ConditionOf(fresh).at("reason"), "Refused");
  EXPECT_THAT(ConditionOf(fresh).at("message").get<std::string>(),
              HasSubstr("spec.natvieCIDRs: unknown field; did you mean \"nativeCIDRs\"?"));
  EXPECT_EQ(fresh.at("effective").at("masquerade"), json({{"value", true}, {"origin", "default"}}));

  const json later = StatusOf(ConfigYaml("masquerade: false"), ConfigYaml("masquerade: 7"));
  EXPECT_THAT(ConditionOf(later).at("message").get<std::string>(),
              AllOf(HasSubstr("spec.masquerade"), HasSubstr("the last good version stays in force")));
  EXPECT_EQ(later.at("effective").at("masquerade"), json({{"value", false}, {"origin", "FairleadConfig"}}));
}

TEST(ConfigStatusTest, NamesWhatCountsForNothing) {
  const json status = StatusOf(NodeYaml("n1", 1) + ConfigYaml("nativeCIDRs: [10.244.1.0/25]"));
  EXPECT_EQ(ConditionOf(status).at("status"), "True");
  EXPECT_THAT(ConditionOf(status).at("message").get<std::string>(),
              HasSubstr("10.244.1.0/25 lies within 10.244.1.0/24, the pods of Node n1"));
  EXPECT_EQ(status.at("effective").at("nativeCIDRs"),
            json({{"value", json::array()}, {"origin", "FairleadConfig"}}));
}

class ConfigStatusWriterTest : public ::testing::Test {
 protected:
  ConfigStatusWriterTest() {
    objects_.Put(kPath, {{"kind", "FairleadConfig"},
                         {"metadata", {{"name", "fairlead"}, {"generation", 1}}},
                         {"spec", {{"masquerade", true}}}});
  }
  static json Wanted(const std::string& accepted, bool masquerade = true) {
    return {{"conditions", {{{"type", "Accepted"}, {"status", accepted}, {"reason", "R"}, {"message", "m"}}}},
            {"effective", {{"masquerade", {{"value", masquerade}, {"origin", "FairleadConfig"}}}}}};
  }
  uint64_t Version() const {
    return std::stoull(objects_.Find(kPath)->at("metadata").at("resourceVersion").get<std::string>());
  }
  void Say(ConfigStatusWriter& writer, const json& wanted, uint64_t seen) {
    writer.Say(wanted, seen);
    objects_.AnswerAll();
  }
  // What it sees is what there is.
  void Say(ConfigStatusWriter& writer, const json& wanted) { Say(writer, wanted, Version()); }
  json Status() const { return objects_.Find(kPath)->value("status", json()); }

  FakeObjects objects_;
  FakeClock clock_;
  ConfigStatusWriter writer_{objects_.Caller(), &clock_};
};

TEST_F(ConfigStatusWriterTest, WritesOnceWhatIsSaidOfThisVersion) {
  Say(writer_, Wanted("True"));
  EXPECT_EQ(Status().at("observedGeneration"), 1);
  const json condition = Status().at("conditions").at(0);
  EXPECT_EQ(condition.at("status"), "True");
  EXPECT_EQ(condition.at("observedGeneration"), 1);
  EXPECT_EQ(condition.at("lastTransitionTime"), "2023-11-14T22:13:20Z");
  EXPECT_EQ(Status().at("effective").at("masquerade").at("value"), true);
  for (int i = 0; i < 5; ++i) Say(writer_, Wanted("True"));
  EXPECT_EQ(objects_.writes(), 1U);
  const size_t requests = objects_.requests();
  for (int i = 0; i < 5; ++i) Say(writer_, Wanted("True"));
  EXPECT_EQ(objects_.requests(), requests) << "nor is it asked for again";
}

TEST_F(ConfigStatusWriterTest, ReplicasWriteOnceBetweenThem) {
  ConfigStatusWriter other(objects_.Caller(), &clock_);
  writer_.Say(Wanted("True"), Version());
  other.Say(Wanted("True"), Version());
  objects_.AnswerAll();  // both have read before one of them writes
  EXPECT_EQ(objects_.writes(), 1U);
  clock_.Advance(1'000'000'000);
  Say(other, Wanted("True"));
  Say(writer_, Wanted("True"));
  EXPECT_EQ(objects_.writes(), 1U);
}

TEST_F(ConfigStatusWriterTest, AConditionKeepsItsTimeAndFieldsThatAreNoMoreGo) {
  Say(writer_, Wanted("True"));
  objects_.SetField(kPath, "/status/effective/ofAnotherVersion"_json_pointer, 7);
  objects_.SetField(kPath, "/metadata/generation"_json_pointer, 2);
  clock_.Advance(60'000'000'000);
  Say(writer_, Wanted("True", false));
  EXPECT_EQ(Status().at("observedGeneration"), 2);
  EXPECT_EQ(Status().at("conditions").at(0).at("lastTransitionTime"), "2023-11-14T22:13:20Z");
  EXPECT_EQ(Status().at("effective").size(), 1U);
  EXPECT_EQ(Status().at("effective").at("masquerade").at("value"), false);
  Say(writer_, Wanted("False"));
  EXPECT_EQ(Status().at("conditions").at(0).at("lastTransitionTime"), "2023-11-14T22:14:20Z");
}

TEST_F(ConfigStatusWriterTest, AVersionThatWasNotSeenYetIsNotSpokenOf) {
  Say(writer_, Wanted("True"), Version() - 1);
  EXPECT_EQ(objects_.writes(), 0U);
  Say(writer_, Wanted("True"), Version());
  EXPECT_EQ(objects_.writes(), 1U);
}

TEST_F(ConfigStatusWriterTest, AVersionThatComesMeanwhileIsNotMistaken) {
  writer_.Say(Wanted("True"), Version());
  objects_.Answer();  // the GET
  objects_.SetField(kPath, "/metadata/generation"_json_pointer, 2);
  objects_.AnswerAll();
  EXPECT_TRUE(Status().is_null());
  Say(writer_, Wanted("False"));
  EXPECT_EQ(Status().at("observedGeneration"), 2);
}

TEST_F(ConfigStatusWriterTest, ReplicasThatDoNotAgreeTakeTurnsSlowly) {
  ConfigStatusWriter other(objects_.Caller(), &clock_);
  for (int second = 0; second < 60; ++second) {
    Say(writer_, Wanted("True", true));
    Say(other, Wanted("True", false));
    clock_.Advance(1'000'000'000);
  }
  EXPECT_LE(objects_.writes(), 4U);
  EXPECT_LE(objects_.requests(), 20U);
  // A new version of the object is spoken of at once.
  objects_.SetField(kPath, "/metadata/generation"_json_pointer, 2);
  const size_t before = objects_.writes();
  Say(writer_, Wanted("True", true));
  EXPECT_EQ(objects_.writes(), before + 1);
}

TEST_F(ConfigStatusWriterTest, AFailureIsTriedAgainALittleLater) {
  objects_.Refuse("PATCH", "/status", absl::PermissionDeniedError("fairleadconfigs/status is forbidden"));
  Say(writer_, Wanted("True"));
  const size_t requests = objects_.requests();
  Say(writer_, Wanted("True"));
  EXPECT_EQ(objects_.requests(), requests);
  objects_.Refuse("PATCH", "/status", absl::OkStatus());
  clock_.Advance(ConfigStatusWriter::kRetryNs);
  Say(writer_, Wanted("True"));
  EXPECT_EQ(objects_.writes(), 1U);
}

TEST_F(ConfigStatusWriterTest, NothingIsSaidOfAnObjectThatIsGone) {
  objects_.Delete(kPath);
  writer_.Say(Wanted("True"), 500);
  objects_.AnswerAll();
  writer_.Say(nullptr, 501);
  objects_.AnswerAll();
  EXPECT_EQ(objects_.writes(), 0U);
}

}  // namespace
}  // namespace fairlead::controller
