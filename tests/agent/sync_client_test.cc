// The stream to the controller, against a server in this process.
#include "agent/sync_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <thread>

#include "agent/encode.h"
#include "tests/agent/fake_controller.h"
#include "tests/agent/resources.h"
#include "tests/agent/scratch_folder.h"

namespace fairlead::agent {
namespace {

namespace pb = control::v1;
using ::testing::HasSubstr;

// Takes every push but those that hold a resource called "bad".
class Handler : public SyncHandler {
 public:
  NodeState state{"node-1"};
  uint64_t watermark = 0;
  std::vector<EndpointReport> endpoints;
  int disconnects = 0;
  std::string last_reason;

  Hello OnConnect() override { return {&state, watermark, endpoints}; }
  std::vector<ResourceError> OnPush(Push push) override {
    for (const Change& change : push.changes) {
      if (change.id.name == "bad") return {{change.id, "I do not like it", {}}};
    }
    EXPECT_TRUE(state.Stage(std::move(push.changes)).empty());
    state.Commit();
    watermark = push.watermark;
    return {};
  }
  void OnDisconnect(const absl::Status& status) override {
    ++disconnects;
    last_reason = std::string(status.message());
  }
};

class SyncClientTest : public ::testing::Test {
 protected:
  void Start(int64_t max_delay_ns = 20'000'000) {
    SyncOptions options{.node = "node-1", .version = "test", .controllers = {"unix:" + socket_}};
    options.max_delay_ns = max_delay_ns;
    Start(options);
  }
  void Start(SyncOptions options) {
    options.first_delay_ns = 1'000'000;
    client_ = SyncClient::Create(loop_.get(), &handler_, options).value();
    client_->Start();
    thread_ = std::thread([this] { loop_->Run(); });
  }
  void TearDown() override {
    loop_->Stop();
    if (thread_.joinable()) thread_.join();
    client_.reset();
  }

  pb::SyncResponse PushOf(std::vector<Change> changes, uint64_t nonce) {
    NodeState state("node-1");
    EXPECT_TRUE(state.Stage(std::move(changes)).empty());
    pb::SyncResponse response;
    EXPECT_TRUE(response.ParseFromString(EncodeState(state, 7)));
    response.set_nonce(nonce);
    return response;
  }

  ScratchFolder folder_;
  std::string socket_ = folder_ / "controller.sock";
  Handler handler_;
  std::unique_ptr<EventLoop> loop_ = EventLoop::Create().value();
  std::unique_ptr<SyncClient> client_;
  std::thread thread_;
};

TEST_F(SyncClientTest, SaysWhoItIsAndAcksWhatItTakes) {
  FakeController controller(socket_);
  handler_.endpoints = {{"uid-1", "shop", "cart-0", "sandbox-1", {Address("10.244.1.5")}, 3}};
  Start();
  auto hello = controller.Next();
  ASSERT_TRUE(hello && hello->has_hello());
  EXPECT_EQ(hello->hello().protocol_version(), 1u);
  EXPECT_EQ(hello->hello().node(), "node-1");
  ASSERT_EQ(hello->hello().endpoints_size(), 1);
  EXPECT_EQ(hello->hello().endpoints(0).generation(), 3u);
  controller.Send(PushOf({ConfigOf("node-1")}, 41));
  auto ack = controller.Next();
  ASSERT_TRUE(ack && ack->has_ack());
  EXPECT_EQ(ack->ack().nonce(), 41u);
}

TEST_F(SyncClientTest, NamesWhatItRefuses) {
  FakeController controller(socket_);
  Start();
  ASSERT_TRUE(controller.Next());
  controller.Send(PushOf({GroupOf("bad", {})}, 42));
  auto nack = controller.Next();
  ASSERT_TRUE(nack && nack->has_nack());
  EXPECT_EQ(nack->nack().nonce(), 42u);
  ASSERT_EQ(nack->nack().errors_size(), 1);
  EXPECT_EQ(nack->nack().errors(0).kind(), pb::ADDRESS_GROUP);
  EXPECT_EQ(nack->nack().errors(0).name(), "bad");
}

TEST_F(SyncClientTest, ComesBackWithWhatItHolds) {
  auto controller = std::make_unique<FakeController>(socket_);
  Start();
  ASSERT_TRUE(controller->Next());
  controller->Send(PushOf({ConfigOf("node-1"), GroupOf("g", {"10.0.0.1/32"}, "v1")}, 1));
  ASSERT_TRUE(controller->Next());
  controller.reset();
  FakeController another(socket_);
  auto hello = another.Next();
  ASSERT_TRUE(hello && hello->has_hello());
  EXPECT_EQ(hello->hello().watermark(), 7u);
  ASSERT_EQ(hello->hello().held_size(), 2);
  EXPECT_EQ(hello->hello().held(1).name(), "g");
  EXPECT_EQ(hello->hello().held(1).version(), "v1");
}

TEST_F(SyncClientTest, ComesBackWhenTheControllerEndsTheStream) {
  FakeController controller(socket_);
  Start();
  ASSERT_TRUE(controller.Next());
  controller.HangUp();
  auto hello = controller.Next();
  ASSERT_TRUE(hello && hello->has_hello());
}

TEST_F(SyncClientTest, WaitsForAControllerThatIsNotThereYet) {
  Start();
  while (loop_->Call<int>(std::chrono::seconds(60), [this] { return handler_.disconnects; }).value_or(9) <
         3) {
    std::this_thread::yield();
  }
  FakeController controller(socket_);
  EXPECT_TRUE(controller.Next());
}

TEST_F(SyncClientTest, TwoAgentsOfOneNodeTakeTurnsSlowlyAndSaySo) {
  FakeController controller(socket_);
  controller.OustNext();
  const auto begin = std::chrono::steady_clock::now();
  Start(/*max_delay_ns=*/400'000'000);
  ASSERT_TRUE(controller.Next());
  auto again = controller.Next();
  ASSERT_TRUE(again && again->has_hello());
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(200))
      << "not after the first, short delay";
  const auto reason =
      loop_->Call<std::string>(std::chrono::seconds(60), [this] { return handler_.last_reason; });
  EXPECT_THAT(reason.value_or(""), HasSubstr("two agents with --node node-1 take turns: stop one of them"));
}

TEST_F(SyncClientTest, ReportsAddressesUpstream) {
  FakeController controller(socket_);
  Start();
  ASSERT_TRUE(controller.Next());
  loop_->Post([this] {
    client_->Report({{"uid-1", "shop", "cart-0", "sandbox-1", {Address("10.244.1.5")}, 1}},
                    {{"uid-2", "shop", "cart-1", "sandbox-2", {}, 1}});
  });
  auto report = controller.Next();
  ASSERT_TRUE(report && report->has_report());
  EXPECT_EQ(report->report().upserts(0).addresses(0), Address("10.244.1.5").ToBytes());
  EXPECT_EQ(report->report().removals(0).pod_uid(), "uid-2");
}

class ReplicasTest : public SyncClientTest {
 protected:
  void StartWithBoth(int64_t silence_ns) {
    SyncOptions options{
        .node = "node-1", .version = "test", .controllers = {"unix:" + socket_, "unix:" + other_}};
    options.max_delay_ns = 20'000'000;
    options.silence_ns = silence_ns;
    options.on_loss = [this](bool all_tried) { ++(all_tried ? all_lost_ : lost_); };
    Start(options);
  }
  static bool IsHello(const std::optional<pb::SyncRequest>& request) {
    return request && request->has_hello();
  }

  static constexpr int64_t kNever = 3'600'000'000'000;
  std::string other_ = folder_ / "other.sock";
  int lost_ = 0, all_lost_ = 0;
};

TEST_F(ReplicasTest, TheNextOneTakesOver) {
  auto first = std::make_unique<FakeController>(socket_);
  FakeController second(other_);
  StartWithBoth(kNever);
  ASSERT_TRUE(IsHello(first->Next()));
  first->Send(PushOf({ConfigOf("node-1")}, 1));
  ASSERT_TRUE(first->Next());
  first.reset();
  auto hello = second.Next();
  ASSERT_TRUE(IsHello(hello));
  EXPECT_EQ(hello->hello().watermark(), 7u) << "so that nothing is rolled back";
  EXPECT_EQ(loop_->Call<int>(std::chrono::seconds(60), [this] { return all_lost_; }).value_or(-1), 0);
}

TEST_F(ReplicasTest, AreAllTriedBeforeAllAreLost) {
  StartWithBoth(kNever);
  while (loop_->Call<int>(std::chrono::seconds(60), [this] { return all_lost_; }).value_or(9) < 2) {
    std::this_thread::yield();
  }
  EXPECT_GE(loop_->Call<int>(std::chrono::seconds(60), [this] { return lost_; }).value_or(-1), 2);
  FakeController second(other_);
  EXPECT_TRUE(IsHello(second.Next()));
}

TEST_F(ReplicasTest, OneThatSaysNothingIsGivenUpForAnother) {
  FakeController first(socket_);
  FakeController second(other_);
  StartWithBoth(/*silence_ns=*/50'000'000);
  EXPECT_TRUE(IsHello(first.Next()));
  EXPECT_TRUE(IsHello(second.Next()));
}

TEST_F(ReplicasTest, MayBecomeKnownLater) {
  SyncOptions options{.node = "node-1", .version = "test", .controllers = {"unix:" + other_}};
  Start(options);
  FakeController first(socket_);
  loop_->Post([this] { client_->SetControllers({"unix:" + socket_}); });
  ASSERT_TRUE(IsHello(first.Next()));
  // A stream that is up stays.
  FakeController second(other_);
  loop_->Post([this] { client_->SetControllers({"unix:" + other_}); });
  loop_->Post([this] { client_->Report({{"uid-1", "shop", "cart-0", "sandbox-1", {}, 1}}, {}); });
  auto report = first.Next();
  EXPECT_TRUE(report && report->has_report());
  first.HangUp();
  EXPECT_TRUE(IsHello(second.Next()));
}

TEST(SyncClientOptions, NeedTlsForAnythingButAUnixSocket) {
  auto loop = EventLoop::Create().value();
  Handler handler;
  auto client = SyncClient::Create(loop.get(), &handler, {.node = "n", .controllers = {"controller:9443"}});
  EXPECT_THAT(std::string(client.status().message()), HasSubstr("--tls-ca"));
  client = SyncClient::Create(
      loop.get(), &handler,
      {.node = "n", .controllers = {"c:1"}, .tls_ca = "/no/such", .tls_cert = "x", .tls_key = "y"});
  EXPECT_THAT(std::string(client.status().message()), HasSubstr("/no/such"));
}

}  // namespace
}  // namespace fairlead::agent
