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
