// What is asked of the API server and when, without one.
#include "controller/kubernetes/reflector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fairlead::controller {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kSecond = 1'000'000'000;
const ApiKind& kPods = kApiKinds[2];

TEST(Reflector, ListsFirst) {
  Reflector reflector(kPods, 1);
  std::optional<Reflector::Request> request = reflector.TakeRequest(0);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->path, "/api/v1/pods?limit=500");
  EXPECT_FALSE(request->watch);
  EXPECT_FALSE(reflector.TakeRequest(kSecond)) << "one request at a time";
}

TEST(Reflector, SpacesFailuresOutUpToALimit) {
  Reflector reflector(kPods, 1);
  int64_t now = 0;
  int64_t delay = 0;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(reflector.TakeRequest(now));
    reflector.OnEnd(now, {0, "connection refused", 0});
    delay = *reflector.DueNs() - now;
    int64_t longest = std::min(Reflector::kMaxDelayNs, Reflector::kFirstDelayNs << i);
    EXPECT_GE(delay, longest / 2);
    EXPECT_LE(delay, longest);
    EXPECT_FALSE(reflector.TakeRequest(now + delay - 1));
    now += delay;
  }
  EXPECT_THAT(reflector.problem(), HasSubstr("list pods: connection refused"));
}

TEST(Reflector, TakesRetryAfterInEarnestButNotForEver) {
  Reflector reflector(kPods, 1);
  ASSERT_TRUE(reflector.TakeRequest(0));
  reflector.OnEnd(0, {503, "", 7});
  EXPECT_GE(*reflector.DueNs(), 7 * kSecond);
  EXPECT_LE(*reflector.DueNs(), 8 * kSecond);
  ASSERT_TRUE(reflector.TakeRequest(8 * kSecond));
  reflector.OnEnd(8 * kSecond, {503, "", int64_t{1} << 60});
  EXPECT_LE(*reflector.DueNs(), 8 * kSecond + Reflector::kMaxRetryAfterNs + kSecond);
}

TEST(Reflector, ShowsWhatAProxySaysInsteadOfTheServer) {
  Reflector reflector(kPods, 1);
  ASSERT_TRUE(reflector.TakeRequest(0));
  ASSERT_TRUE(reflector.OnData(401, R"({"kind": "Status", "message": "Unauthorized"})"));
  reflector.OnEnd(0, {401, "", 0});
  EXPECT_THAT(reflector.problem(), HasSubstr("answered 401: Unauthorized; renew the token"));
}

TEST(Reflector, RefusesAListThatIsNone) {
  Reflector reflector(kPods, 1);
  ASSERT_TRUE(reflector.TakeRequest(0));
  ASSERT_TRUE(reflector.OnData(200, "<html>"));
  reflector.OnEnd(0, {200, "", 0});
  EXPECT_THAT(reflector.TakeUpdates(), IsEmpty());
  EXPECT_THAT(reflector.problem(), HasSubstr("no Kubernetes object"));
}

const ApiKind& kConfigs = kApiKinds[6];

// Lists, with this answer.
void List(Reflector& reflector, int64_t now_ns, int status, const std::string& body) {
  ASSERT_TRUE(reflector.TakeRequest(now_ns));
  reflector.OnData(status, body);
  reflector.OnEnd(now_ns, {status, "", 0});
}

std::string ConfigList(const std::string& items) {
  return R"({"kind": "FairleadConfigList", "metadata": {"resourceVersion": "7"}, "items": [)" + items + "]}";
}
constexpr char kConfig[] =
    R"({"kind": "FairleadConfig", "apiVersion": "fairlead.io/v1alpha1", "spec": {"masquerade": true},
        "metadata": {"name": "fairlead", "generation": 3, "resourceVersion": "6", "ofTheFuture": {}},
        "status": {"effective": {}}})";

TEST(Reflector, ACustomResourceThatTheServerDoesNotKnowIsOneOfWhichThereIsNothing) {
  Reflector reflector(kConfigs, 1);
  List(reflector, 0, 404, "404 page not found");
  const std::vector<ApiUpdate> updates = reflector.TakeUpdates();
  ASSERT_EQ(updates.size(), 1U);
  EXPECT_TRUE(updates[0].complete);
  EXPECT_THAT(updates[0].puts, IsEmpty());
  EXPECT_EQ(reflector.problem(), "");
  // Asked for again now and then, and found one day.
  EXPECT_GE(*reflector.DueNs(), Reflector::kAbsentNs / 2);
  EXPECT_LE(*reflector.DueNs(), Reflector::kAbsentNs);
  List(reflector, Reflector::kAbsentNs, 200, ConfigList(kConfig));
  const std::vector<ApiUpdate> found = reflector.TakeUpdates();
  ASSERT_EQ(found.size(), 1U);
  ASSERT_EQ(found[0].puts.size(), 1U);
  ASSERT_TRUE(found[0].puts[0].object) << found[0].puts[0].rejections[0].message;
  EXPECT_EQ(std::get<ConfigObject>(found[0].puts[0].object->body).masquerade, true);
  EXPECT_TRUE(reflector.TakeRequest(Reflector::kAbsentNs)->watch);
}

TEST(Reflector, AKindThatTheServerKnowsNoMoreIsGone) {
  Reflector reflector(kConfigs, 1);
  List(reflector, 0, 200, ConfigList(kConfig));
  reflector.TakeUpdates();
  ASSERT_TRUE(reflector.TakeRequest(0)->watch);
  reflector.OnEnd(kSecond, {404, "", 0});
  EXPECT_THAT(reflector.TakeUpdates(), IsEmpty()) << "nothing goes without a list";
  List(reflector, kSecond, 404, "");
  ASSERT_EQ(reflector.TakeUpdates().size(), 1U);
}

TEST(Reflector, WhoWantsANewListDoesNotWaitForAnUnknownKind) {
  Reflector reflector(kConfigs, 1);
  List(reflector, 0, 404, "");
  reflector.TakeUpdates();
  reflector.ListAnew(5);
  List(reflector, 1, 404, "");
  const std::vector<ApiUpdate> updates = reflector.TakeUpdates();
  ASSERT_EQ(updates.size(), 1U);
  EXPECT_EQ(updates[0].round, 5U);
}

TEST(Reflector, OtherKindsAreAlwaysThere) {
  Reflector reflector(kPods, 1);
  List(reflector, 0, 404, "");
  EXPECT_THAT(reflector.TakeUpdates(), IsEmpty());
  EXPECT_THAT(reflector.problem(), HasSubstr("list pods: the API server answered 404"));
}

TEST(Json, WhatIsNoListOrNoEventIsRefused) {
  for (const std::string body :
       {"", "{", "[]", "null", R"({"kind": "FairleadConfigList"})",
        R"({"kind": "PodList", "metadata": {"resourceVersion": "7"}, "items": []})",
        R"({"kind": "FairleadConfigList", "metadata": {"resourceVersion": "7"}, "items": [7]})",
        R"({"kind": "FairleadConfigList", "metadata": {"resourceVersion": 7}, "items": []})"}) {
    EXPECT_FALSE(DecodeList(kConfigs, body).ok()) << body;
  }
  for (const std::string line :
       {"", "{", "[]", R"({"type": "ADDED"})", R"({"type": "ADDED", "object": 7})",
        R"({"type": "ADDED", "object": {"kind": "FairleadConfig", "metadata": {"resourceVersion": "7"}}})",
        R"({"type": "SEEN", "object": {"kind": "FairleadConfig", "metadata": {"resourceVersion": "7"}}})",
        R"({"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": {"resourceVersion": "7"}}})"}) {
    EXPECT_FALSE(DecodeEvent(kConfigs, line).ok()) << line;
  }
  EXPECT_FALSE(DecodeList(kConfigs, std::string(100'000, '[')).ok());
}

TEST(Json, AnObjectBeyondAllBoundsIsRefusedByItsName) {
  const std::string deep = std::string(1000, '[') + std::string(1000, ']');
  const absl::StatusOr<ListPage> page = DecodeList(
      kConfigs, ConfigList(R"({"metadata": {"name": "fairlead"}, "spec": {"nativeCIDRs": )" + deep + "}}"));
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_FALSE(page->entries.at(0).object);
  EXPECT_EQ(page->entries[0].key->name, "fairlead");
  EXPECT_THAT(page->entries[0].rejections.at(0).message, HasSubstr("too deep"));
}

TEST(Json, EventsAreOfAnObject) {
  const auto event = [](const std::string& type) {
    return DecodeEvent(kConfigs, R"({"type": ")" + type + R"(", "object": )" + kConfig + "}");
  };
  EXPECT_EQ(event("MODIFIED")->type, ApiEvent::Type::kPut);
  EXPECT_EQ(event("MODIFIED")->resource_version, 6U);
  EXPECT_EQ(event("DELETED")->type, ApiEvent::Type::kDelete);
  EXPECT_EQ(event("DELETED")->entry.key->ToString(), "FairleadConfig fairlead");
  EXPECT_EQ(event("BOOKMARK")->type, ApiEvent::Type::kBookmark);
  const absl::StatusOr<ApiEvent> gone = DecodeEvent(
      kConfigs, R"({"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}})");
  ASSERT_TRUE(gone.ok());
  EXPECT_EQ(gone->type, ApiEvent::Type::kError);
  EXPECT_EQ(gone->refusal.code, 410);
}

TEST(Frames, OfJsonAreLines) {
  Frames frames(Framing::kLine);
  std::string all;
  for (char byte : std::string("{1}\n{22}\n\n{3")) {
    frames.Add(absl::string_view(&byte, 1));
    while (std::optional<std::string> frame = *frames.Next()) all += "[" + *frame + "]";
  }
  EXPECT_EQ(all, "[{1}][{22}][]");
  frames.Add("33}\n{4}\n");
  EXPECT_EQ(**frames.Next(), "{333}");
  EXPECT_EQ(**frames.Next(), "{4}");
  EXPECT_FALSE(*frames.Next());
  frames.Add(std::string(Frames::kMaxFrameBytes + 1, ' '));
  EXPECT_FALSE(frames.Next().ok());
}

TEST(Frames, AreWholeOrNotThere) {
  const std::string bytes("\0\0\0\2ab\0\0\0\0\0\0\0\1c", 15);
  Frames frames;
  std::string all;
  for (char byte : bytes) {
    frames.Add(absl::string_view(&byte, 1));
    while (std::optional<std::string> frame = *frames.Next()) all += "[" + *frame + "]";
  }
  EXPECT_EQ(all, "[ab][][c]");
}

TEST(Frames, OfAnImpossibleLengthAreRefused) {
  Frames frames;
  frames.Add("\x7f\x01\x01\x01");
  EXPECT_FALSE(frames.Next().ok());
}

}  // namespace
}  // namespace fairlead::controller
