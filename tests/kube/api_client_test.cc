// Single objects of an API server: what is asked, what a refusal becomes, and several servers.
#include "kube/api_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <thread>

#include "absl/strings/str_cat.h"
#include "kube/json.h"
#include "tests/controller/scratch_folder.h"
#include "tests/kube/json_api_server.h"

namespace fairlead::kube {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kNode[] = "/api/v1/nodes/n1";

class ApiClientTest : public ::testing::Test {
 protected:
  ~ApiClientTest() override {
    loop_->Stop();
    owner_.join();
    client_.reset();
    loop_->Drain();
  }

  void Start(const ApiAccess& access) {
    absl::StatusOr<std::unique_ptr<ApiClient>> client = ApiClient::Start(access, loop_.get());
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
  }

  absl::StatusOr<json> Call(ApiRequest request) {
    std::promise<absl::StatusOr<json>> answer;
    client_->Call(std::move(request),
                  [&](absl::StatusOr<json> reply) { answer.set_value(std::move(reply)); });
    return answer.get_future().get();
  }

  std::unique_ptr<EventLoop> loop_ = *EventLoop::Create();
  std::thread owner_{[this] { loop_->Run(); }};
  JsonApiServer server_;
  std::unique_ptr<ApiClient> client_;
};

TEST_F(ApiClientTest, ReadsWhatItWrote) {
  Start(server_.access());
  const json object = {{"metadata", {{"name", "fairlead-ca"}}}, {"data", {{"ca.crt", "c"}}}};
  const std::string maps = "/api/v1/namespaces/kube-system/configmaps";
  ASSERT_TRUE(Call({.method = "POST", .path = maps, .body = object}).ok());
  absl::StatusOr<json> read = Call({.path = maps + "/fairlead-ca"});
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(TextField(*read, {"data", "ca.crt"}), "c");
  EXPECT_TRUE(absl::IsAlreadyExists(Call({.method = "POST", .path = maps, .body = object}).status()));
}

TEST_F(ApiClientTest, PatchesAsItIsTold) {
  Start(server_.access());
  server_.Put(kNode, {{"metadata", {{"name", "n1"}}},
                      {"status", {{"conditions", {{{"type", "Ready"}, {"status", "False"}}}}}}});
  const json conditions = {{{"type", "NetworkUnavailable"}, {"status", "False"}}};
  ASSERT_TRUE(Call({.method = "PATCH",
                    .path = absl::StrCat(kNode, "/status"),
                    .body = {{"status", {{"conditions", conditions}}}},
                    .content_type = kStrategicPatch})
                  .ok());
  EXPECT_THAT((*server_.Get(kNode))["status"]["conditions"], SizeIs(2));
}

TEST_F(ApiClientTest, SaysWhatTheServerRefused) {
  Start(server_.access());
  const absl::Status missing = Call({.path = kNode}).status();
  EXPECT_TRUE(absl::IsNotFound(missing));
  EXPECT_THAT(std::string(missing.message()),
              AllOf(HasSubstr("GET /api/v1/nodes/n1: the API server answered 404"), HasSubstr("not found")));
  server_.Refuse(1, 403, R"({"reason": "Forbidden", "message": "nodes is forbidden"})");
  const absl::Status forbidden = Call({.path = kNode}).status();
  EXPECT_TRUE(absl::IsPermissionDenied(forbidden));
  EXPECT_THAT(std::string(forbidden.message()), AllOf(HasSubstr("nodes is forbidden"), HasSubstr("RBAC")));
  server_.Refuse(1, 429, "slow down");
  EXPECT_TRUE(absl::IsResourceExhausted(Call({.path = kNode}).status()));
  server_.Refuse(1, 409, R"({"reason": "Conflict"})");
  EXPECT_TRUE(absl::IsAborted(Call({.path = kNode}).status()));
  server_.Refuse(1, 200, "<html>");
  EXPECT_TRUE(absl::IsInternal(Call({.path = kNode}).status()));
}

TEST_F(ApiClientTest, AsksTheNextServerWhenOneIsAway) {
  server_.Put(kNode, {{"metadata", {{"name", "n1"}}}});
  JsonApiServer gone;
  JsonApiServer ill;
  ill.Refuse(-1, 503, "no leader");
  ApiAccess access;
  access.servers = {gone.url(), ill.url(), server_.url()};
  gone.Stop();
  Start(access);
  EXPECT_TRUE(Call({.path = kNode}).ok());
  // The one that answered is asked first from then on.
  EXPECT_TRUE(Call({.path = kNode}).ok());
  EXPECT_THAT(ill.Requests(), SizeIs(1));
  server_.Stop();
  EXPECT_TRUE(absl::IsUnavailable(Call({.path = kNode}).status()));
}

TEST_F(ApiClientTest, PassesOverAServerThatDoesNotAnswer) {
  server_.Put(kNode, {{"metadata", {{"name", "n1"}}}});
  JsonApiServer silent;
  silent.Hang();
  ApiAccess access;
  access.servers = {silent.url(), server_.url()};
  Start(access);
  EXPECT_TRUE(Call({.path = kNode, .timeout_ms = 2000}).ok());
}

TEST_F(ApiClientTest, ReadsTheTokenAnewForEachRequest) {
  controller::ScratchFolder folder;
  folder.Put("token", "one\n");
  ApiAccess access = server_.access();
  access.token_file = folder / "token";
  server_.Put(kNode, {{"metadata", {{"name", "n1"}}}});
  server_.RequireToken("one");
  Start(access);
  EXPECT_TRUE(Call({.path = kNode}).ok());
  server_.RequireToken("two");
  EXPECT_TRUE(absl::IsUnauthenticated(Call({.path = kNode}).status()));
  folder.Put("token", "two\n");
  EXPECT_TRUE(Call({.path = kNode}).ok());
  folder.Remove("token");
  EXPECT_THAT(std::string(Call({.path = kNode}).status().message()), HasSubstr(access.token_file));
}

TEST_F(ApiClientTest, AnswersManyAtATimeInAnyOrder) {
  constexpr int kMany = 100;
  for (int i = 0; i < kMany; ++i) {
    server_.Put(absl::StrCat("/api/v1/nodes/n", i), {{"metadata", {{"name", absl::StrCat("n", i)}}}});
  }
  Start(server_.access());
  std::vector<std::promise<absl::StatusOr<json>>> answers(kMany);
  for (int i = 0; i < kMany; ++i) {
    client_->Call({.path = absl::StrCat("/api/v1/nodes/n", i)},
                  [&answers, i](absl::StatusOr<json> reply) { answers[i].set_value(std::move(reply)); });
  }
  for (int i = 0; i < kMany; ++i) {
    absl::StatusOr<json> reply = answers[i].get_future().get();
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(TextField(*reply, {"metadata", "name"}), absl::StrCat("n", i));
  }
}

TEST_F(ApiClientTest, TellsNothingAfterItsEnd) {
  Start(server_.access());
  server_.Hang();
  client_->Call({.path = kNode}, [](const absl::StatusOr<json>&) { ADD_FAILURE(); });
  auto ended = loop_->Call<bool>(std::chrono::seconds(60), [this] {
    client_.reset();
    return true;
  });
  EXPECT_TRUE(ended.ok()) << ended.status();
}

TEST(Json, ReadsWhatIsThereAndOfTheRightType) {
  const json object = {{"a", {{"b", "text"}, {"n", 1}, {"t", true}, {"l", {1, 2}}}}};
  EXPECT_EQ(TextField(object, {"a", "b"}), "text");
  EXPECT_EQ(TextField(object, {"a", "n"}), "");
  EXPECT_EQ(TextField(object, {"a", "b", "c"}), "");
  EXPECT_TRUE(TrueField(object, {"a", "t"}));
  EXPECT_FALSE(TrueField(object, {"a", "b"}));
  EXPECT_THAT(ListField(object, {"a", "l"}), SizeIs(2));
  EXPECT_TRUE(ListField(object, {"a"}).empty());
  EXPECT_FALSE(ParseJson("{\"a\": ").ok());
}

TEST(UrlEscaped, KeepsNames) {
  EXPECT_EQ(UrlEscaped("node-1.x_y"), "node-1.x_y");
  EXPECT_EQ(UrlEscaped("a=b,c/d"), "a%3db%2cc%2fd");
}

}  // namespace
}  // namespace fairlead::kube
