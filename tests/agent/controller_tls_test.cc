// The agent's stream to the real controller over TLS: who gets in, and what the agent says of a refusal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "agent/node_agent.h"
#include "agent/sync_client.h"
#include "datapath/fake_datapath.h"
#include "tests/agent/scratch_folder.h"
#include "tests/controller/certificates.h"
#include "tests/controller/manifests.h"
#include "tests/controller/test_controller.h"

namespace fairlead::agent {
namespace {

using controller::TestCa;
using controller::TlsFiles;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kOwnName[] = "system:fairlead:node:n1";
constexpr char kNotYet[] = "not connected yet";

// What is known of a certificate as somebody else keeps it.
class LentTls : public ControllerTls {
 public:
  absl::StatusOr<TlsTexts> Texts() override { return texts; }
  std::string Advice(const absl::Status&) override { return "; ask for another"; }

  absl::StatusOr<TlsTexts> texts = absl::UnavailableError("there is none yet");
};

class ControllerTlsTest : public ::testing::Test {
 protected:
  ControllerTlsTest() {
    manifests_.Put("nodes.yaml", controller::NodeYaml("n1", 1) + controller::NodeYaml("n2", 2));
    controller_.emplace(manifests_.path(), ca_.Sign("controller"));
  }
  void TearDown() override {
    loop_->Stop();
    if (thread_.joinable()) thread_.join();
    client_.reset();
  }

  SyncOptions OptionsWith(const TlsFiles& files) {
    SyncOptions options{.node = "n1",
                        .version = "test",
                        .controllers = {"127.0.0.1:" + std::to_string(controller_->port())},
                        .tls_ca = files.ca,
                        .tls_cert = files.cert,
                        .tls_key = files.key};
    options.first_delay_ns = 1'000'000;
    options.max_delay_ns = 20'000'000;
    return options;
  }
  absl::Status Create(const SyncOptions& options) {
    auto client = SyncClient::Create(loop_.get(), &agent_, options);
    if (!client.ok()) return client.status();
    client_ = *std::move(client);
    return absl::OkStatus();
  }
  absl::Status Create(const TlsFiles& files) { return Create(OptionsWith(files)); }
  void Run() {
    client_->Start();
    thread_ = std::thread([this] { loop_->Run(); });
  }

  Condition Now() {
    return loop_
        ->Call<Condition>(std::chrono::seconds(60),
                          [this] { return *agent_.conditions().Find("ControllerConnected"); })
        .value();
  }
  // Once an attempt has ended in one way or the other.
  Condition Connect(const TlsFiles& files) {
    EXPECT_TRUE(Create(files).ok());
    Run();
    return Await([](const Condition& condition) { return condition.ok || condition.message != kNotYet; });
  }
  Condition Await(const std::function<bool(const Condition&)>& enough) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    Condition now = Now();
    while (!enough(now) && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
      now = Now();
    }
    return now;
  }

  ScratchFolder folder_;
  controller::ScratchFolder manifests_;
  TestCa ca_;
  std::optional<controller::TestController> controller_;
  std::unique_ptr<EventLoop> loop_ = EventLoop::Create().value();
  datapath::FakeDatapath datapath_;
  NodeAgent agent_{
      {.node = "n1", .state_file = folder_ / "last-good"}, loop_.get(), &datapath_, &SystemClock()};
  LentTls lent_;
  std::unique_ptr<SyncClient> client_;
  std::thread thread_;
};

TEST_F(ControllerTlsTest, ACertificateThatComesLaterConnectsAtOnce) {
  SyncOptions options = OptionsWith({});
  options.tls = &lent_;
  options.first_delay_ns = options.max_delay_ns = std::chrono::nanoseconds(std::chrono::hours(1)).count();
  ASSERT_TRUE(Create(options).ok());
  Run();
  const Condition none = Await([](const Condition& now) { return now.message != kNotYet; });
  EXPECT_THAT(none.message, HasSubstr("there is none yet"));
  const TlsFiles files = ca_.Sign(kOwnName);
  ASSERT_TRUE(loop_
                  ->Call<bool>(std::chrono::seconds(60),
                               [&] {
                                 lent_.texts = ReadTlsFiles({files.ca, files.cert, files.key});
                                 client_->ConnectNow();
                                 return true;
                               })
                  .ok());
  EXPECT_TRUE(Await([](const Condition& now) { return now.ok; }).ok);
}

TEST_F(ControllerTlsTest, WhoKeepsTheCertificateSaysWhatToDo) {
  TestCa other;
  const TlsFiles files = other.Sign(kOwnName);
  lent_.texts = ReadTlsFiles({files.ca, files.cert, files.key});
  ASSERT_TRUE(lent_.texts.ok());
  SyncOptions options = OptionsWith({});
  options.tls = &lent_;
  ASSERT_TRUE(Create(options).ok());
  Run();
  const Condition refused = Await([](const Condition& now) { return now.message != kNotYet; });
  EXPECT_FALSE(refused.ok);
  EXPECT_THAT(refused.message, HasSubstr("; ask for another;"));
}

TEST_F(ControllerTlsTest, ANodesOwnCertificateConnects) {
  const Condition condition = Connect(ca_.Sign(kOwnName));
  EXPECT_TRUE(condition.ok) << condition.message;
}

TEST_F(ControllerTlsTest, AControllerOfAnotherCaIsNotTrusted) {
  TestCa other;
  TlsFiles files = ca_.Sign(kOwnName);
  files.ca = other.Sign("unused").ca;
  const Condition condition = Connect(files);
  EXPECT_FALSE(condition.ok);
  EXPECT_THAT(condition.message,
              AllOf(HasSubstr("the controller's certificate is not accepted"),
                    HasSubstr("no CA in --tls-ca " + files.ca + " has signed it; give the CA that has")));
}

TEST_F(ControllerTlsTest, ACertificateOfAnotherCaIsRefused) {
  TestCa other;
  TlsFiles files = other.Sign(kOwnName);
  files.ca = ca_.Sign("unused").ca;
  const Condition condition = Connect(files);
  EXPECT_FALSE(condition.ok);
  EXPECT_THAT(condition.message,
              AllOf(HasSubstr("--tls-cert " + files.cert + " is not signed by a CA in --tls-ca " + files.ca),
                    Not(HasSubstr("expired")), Not(HasSubstr("common name"))));
}

TEST_F(ControllerTlsTest, AControllerThatExpectsAnotherCaIsNamed) {
  TestCa other;
  TlsFiles server = ca_.Sign("controller");
  server.ca = other.Sign("unused").ca;
  controller_.emplace(manifests_.path(), server);
  const TlsFiles files = ca_.Sign(kOwnName);
  const Condition condition = Connect(files);
  EXPECT_FALSE(condition.ok);
  EXPECT_THAT(condition.message,
              AllOf(HasSubstr("its --tls-ca must hold the CA that signed --tls-cert " + files.cert),
                    Not(HasSubstr("expired")), Not(HasSubstr("not signed"))));
}

TEST_F(ControllerTlsTest, AnExpiredCertificateIsRefusedUntilThereIsAnother) {
  const TlsFiles files = ca_.SignExpired(kOwnName);
  const Condition condition = Connect(files);
  EXPECT_FALSE(condition.ok);
  EXPECT_THAT(condition.message, AllOf(HasSubstr("--tls-cert " + files.cert + " has expired at 20"),
                                       HasSubstr("issue a new one, it needs no restart"),
                                       Not(HasSubstr("not signed")), Not(HasSubstr("not the key"))));
  const TlsFiles renewed = ca_.Sign(kOwnName);
  std::filesystem::rename(renewed.key, files.key);
  std::filesystem::rename(renewed.cert, files.cert);
  const Condition after = Await([](const Condition& now) { return now.ok; });
  EXPECT_TRUE(after.ok) << after.message;
}

TEST_F(ControllerTlsTest, AnotherNodesCertificateIsRefused) {
  const TlsFiles files = ca_.Sign("system:fairlead:node:n2");
  const Condition condition = Connect(files);
  EXPECT_FALSE(condition.ok);
  EXPECT_THAT(condition.message,
              AllOf(HasSubstr("that of node n2, Hello names node n1"),
                    HasSubstr("--tls-cert " + files.cert + " is that of \"system:fairlead:node:n2\""),
                    HasSubstr("issue one with the common name system:fairlead:node:n1")));
}

TEST_F(ControllerTlsTest, AKeyOfAnotherCertificateIsNamed) {
  TlsFiles files = ca_.Sign(kOwnName);
  files.key = ca_.Sign(kOwnName).key;
  const Condition condition = Connect(files);
  EXPECT_FALSE(condition.ok);
  EXPECT_THAT(condition.message, HasSubstr("--tls-key " + files.key + " is not the key of --tls-cert"));
}

TEST_F(ControllerTlsTest, WithoutACertificateNothingIsTried) {
  EXPECT_THAT(std::string(Create({ca_.Sign("unused").ca, "", ""}).message()),
              HasSubstr("give --tls-ca, --tls-cert and --tls-key"));
  // gRPC would go without a certificate, or trust the CAs of the machine.
  for (std::string TlsFiles::* file : {&TlsFiles::ca, &TlsFiles::cert, &TlsFiles::key}) {
    TlsFiles files = ca_.Sign(kOwnName);
    files.*file = folder_ / "empty";
    std::ofstream(folder_ / "empty").flush();
    EXPECT_THAT(std::string(Create(files).message()), HasSubstr("there is no PEM text in it"));
  }
}

TEST_F(ControllerTlsTest, ACertificateThatGoesAwayIsNamed) {
  const TlsFiles files = ca_.Sign(kOwnName);
  ASSERT_TRUE(Create(files).ok());
  std::filesystem::remove(files.cert);
  Run();
  const Condition condition = Await([](const Condition& now) { return now.message != kNotYet; });
  EXPECT_FALSE(condition.ok);
  EXPECT_THAT(condition.message, AllOf(HasSubstr("--tls-cert"), HasSubstr(files.cert)));
}

}  // namespace
}  // namespace fairlead::agent
