// An agent gets its certificate from a controller that keeps the CA, and keeps it: over restarts, renewals,
// rotations and whatever fails meanwhile.
#include "agent/identity/agent_identity.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <mutex>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/read_file.h"
#include "controller/identity/cluster_identity.h"
#include "controller/server/server.h"
#include "tests/agent/scratch_folder.h"
#include "tests/controller/fake_objects.h"
#include "tests/controller/manifests.h"
#include "tests/controller/scratch_folder.h"
#include "tests/controller/test_agent.h"

namespace fairlead::agent {
namespace {

using controller::ClusterIdentity;
using controller::FakeObjects;
using ::testing::HasSubstr;

// The real time, and what a test adds to it.
class LateClock : public Clock {
 public:
  int64_t MonotonicNs() const override { return SystemClock().MonotonicNs() + late_ns_; }
  int64_t WallNs() const override { return SystemClock().WallNs() + late_ns_; }
  void Advance(absl::Duration by) { late_ns_ += absl::ToInt64Nanoseconds(by); }

 private:
  std::atomic<int64_t> late_ns_ = 0;
};

class AgentIdentityTest : public ::testing::Test {
 protected:
  AgentIdentityTest() {
    manifests_.Put("nodes.yaml", controller::NodeYaml("n1", 1) + controller::NodeYaml("n2", 2));
    objects_.SetAgentToken("token-of-n1", "n1");
    std::ofstream(folder_ / "token") << "token-of-n1\n";
    controller_ = controller::Controller::Open({manifests_.path()}, {}, SystemClock(), loop_.get()).value();
    std::atomic<bool> ready = false;
    cluster_.Start([&] { ready = true; });
    thread_ = std::thread([this] { loop_->Run(); });
    Until([&] { return ready.load(); });
    server_ =
        controller::Server::Start({.addresses = {"127.0.0.1:0"}, .tls = tls_, .signer = &cluster_.signer()},
                                  loop_.get(), controller_.get())
            .value();
  }
  ~AgentIdentityTest() override {
    Stop();
    server_.reset();
    loop_->Stop();
    thread_.join();
    loop_->Drain();
  }

  static void Until(const std::function<bool()>& enough) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!enough() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    ASSERT_TRUE(enough()) << "waited for a minute";
  }
  template <typename T>
  T OnLoop(std::function<T()> function) {
    return loop_->Call<T>(std::chrono::seconds(60), std::move(function)).value();
  }

  kube::ApiCall Caller() {
    return [this, call = objects_.Caller()](kube::ApiRequest request, kube::ApiClient::Done done) {
      call(std::move(request), std::move(done));
      loop_->Post([this] { objects_.AnswerAll(); });
    };
  }
  std::string Address() const { return absl::StrCat("127.0.0.1:", server_->port(0)); }

  // An agent's start; `change` before.
  void Start(
      const std::string& node = "n1",
      const std::function<void(AgentIdentity::Options*)>& change = [](auto*) {}) {
    AgentIdentity::Options options{.node = node,
                                   .namespace_name = "kube-system",
                                   .file = folder_ / "identity.pem",
                                   .token_file = folder_ / "token",
                                   .first_delay_ns = 1'000'000,
                                   .max_delay_ns = 20'000'000,
                                   .refresh_pause = std::chrono::milliseconds(5)};
    change(&options);
    OnLoop<bool>([this, options] {
      notes_.clear();
      renewed_ = 0;
      signer_.emplace(loop_.get());
      identity_.emplace(
          options, loop_.get(), &clock_, Caller(), &*signer_,
          AgentIdentity::Listener{[this] { ++renewed_; },
                                  [this](const absl::Status& status) { notes_.push_back(status); }});
      identity_->Start();
      identity_->SetControllers(controllers_.empty() ? std::vector<std::string>{Address()} : controllers_);
      return true;
    });
  }
  void Stop() {
    OnLoop<bool>([this] {
      identity_.reset();
      signer_.reset();
      return true;
    });
  }
  int Renewed() {
    return OnLoop<int>([this] { return renewed_; });
  }
  absl::Status LastNote() {
    return OnLoop<absl::Status>([this] { return notes_.empty() ? absl::UnknownError("") : notes_.back(); });
  }
  // Since the start. Among others: a controller asks those for patience who ask too often, as tests do.
  bool WasNoted(const std::string& text) {
    return OnLoop<bool>([this, text] {
      return std::any_of(notes_.begin(), notes_.end(),
                         [&](const absl::Status& note) { return absl::StrContains(note.message(), text); });
    });
  }
  absl::StatusOr<TlsTexts> Texts() {
    return OnLoop<absl::StatusOr<TlsTexts>>([this] { return identity_->Texts(); });
  }
  // How a stream of `node` ends that this identity opens.
  grpc::Status Sync(const std::string& node) {
    const TlsTexts texts = Texts().value();
    grpc::SslCredentialsOptions options{texts.ca, texts.key, texts.cert};
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride("fairlead-controller");
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    controller::TestAgent agent(
        grpc::CreateCustomChannel(Address(), grpc::SslCredentials(options), arguments), node);
    agent.Hello();
    agent.Read();
    return agent.Finish();
  }
  std::string OnDisk() const { return ReadFile(folder_ / "identity.pem").value_or("none"); }

  LateClock clock_;  // the agent's
  FakeObjects objects_;
  ScratchFolder folder_;
  controller::ScratchFolder manifests_;
  std::vector<std::string> controllers_;
  std::unique_ptr<EventLoop> loop_ = EventLoop::Create().value();
  std::shared_ptr<controller::HeldTls> tls_ = std::make_shared<controller::HeldTls>();
  ClusterIdentity cluster_{Caller(), "kube-system", &SystemClock(), loop_.get(), tls_};
  std::unique_ptr<controller::Controller> controller_;
  std::unique_ptr<controller::Server> server_;
  std::thread thread_;
  // The loop's:
  std::optional<GrpcSignClient> signer_;
  std::optional<AgentIdentity> identity_;
  std::vector<absl::Status> notes_;
  int renewed_ = 0;
};

TEST_F(AgentIdentityTest, AFirstStartGetsACertificateThatOpensTheNodesStream) {
  Start();
  Until([&] { return Renewed() == 1; });
  EXPECT_TRUE(Sync("n1").ok());
  EXPECT_EQ(Sync("n2").error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_TRUE(LastNote().ok());
  struct stat info{};
  ASSERT_EQ(::stat((folder_ / "identity.pem").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(AgentIdentityTest, ARestartNeedsNobody) {
  Start();
  Until([&] { return Renewed() == 1; });
  const std::string before = OnDisk();
  Stop();
  OnLoop<bool>([this] {
    objects_.Refuse("GET", "fairlead-ca", absl::UnavailableError("away"));
    objects_.Refuse("POST", "tokenreviews", absl::UnavailableError("away"));
    return true;
  });
  Start();
  EXPECT_TRUE(Sync("n1").ok());
  EXPECT_EQ(OnDisk(), before);
  EXPECT_EQ(Renewed(), 0);
}

TEST_F(AgentIdentityTest, ItIsRenewedAtTwoThirdsOfItsLife) {
  Start();
  Until([&] { return Renewed() == 1; });
  const std::string before = OnDisk();
  Stop();
  clock_.Advance(controller::kLeafLife * 0.6);
  Start();
  EXPECT_TRUE(Sync("n1").ok());
  EXPECT_EQ(OnDisk(), before) << "too early";
  Stop();
  clock_.Advance(controller::kLeafLife * 0.08);
  Start();
  Until([&] { return Renewed() == 1; });
  EXPECT_NE(OnDisk(), before);
  EXPECT_TRUE(Sync("n1").ok());
}

TEST(RenewalTimeTest, LiesBetweenThreeFifthsAndTwoThirds) {
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  const pki::Authority ca = pki::MakeAuthority("ca", {now, now + absl::Hours(24)}).value();
  EXPECT_EQ(pki::RenewalTime(ca.certificate, 0), now + absl::Hours(16));
  EXPECT_GT(pki::RenewalTime(ca.certificate, 1), now + absl::Hours(24) * 0.6);
}

TEST_F(AgentIdentityTest, AnExpiredOneIsReplacedAndMeanwhileNamed) {
  Start();
  Until([&] { return Renewed() == 1; });
  Stop();
  const std::string before = OnDisk();
  clock_.Advance(controller::kLeafLife + absl::Hours(1));
  OnLoop<bool>([this] {
    objects_.Refuse("POST", "tokenreviews", absl::UnavailableError("away"));
    return true;
  });
  Start();
  Until([&] { return WasNoted("ask the API server whose token it is: away"); });
  EXPECT_FALSE(Texts().ok());
  EXPECT_EQ(OnDisk(), before);
}

TEST_F(AgentIdentityTest, ADamagedFileAndAnotherNodesAreReplaced) {
  Start();
  Until([&] { return Renewed() == 1; });
  Stop();
  std::ofstream(folder_ / "identity.pem") << "damaged";
  Start();
  Until([&] { return Renewed() == 1; });
  EXPECT_TRUE(Sync("n1").ok());
  Stop();
  objects_.SetAgentToken("token-of-n2", "n2");
  std::ofstream(folder_ / "token") << "token-of-n2";
  Start("n2");
  Until([&] { return Renewed() == 1; });
  EXPECT_TRUE(Sync("n2").ok());
}

TEST_F(AgentIdentityTest, ACertificateForAnotherNodeIsNotTaken) {
  Start("n2");  // with the token of n1
  Until([&] { return WasNoted("this is node n2"); });
  EXPECT_EQ(OnDisk(), "none");
}

TEST_F(AgentIdentityTest, WhatFailsIsNamedAndTriedAgain) {
  std::filesystem::rename(folder_ / "token", folder_ / "later");
  Start();
  Until([&] { return WasNoted("must be mounted there"); });
  EXPECT_THAT(std::string(Texts().status().message()),
              HasSubstr("there is no certificate for this node yet"));
  std::ofstream(folder_ / "token") << "refused";
  Until([&] { return WasNoted("does not accept the token"); });
  std::filesystem::rename(folder_ / "later", folder_ / "token");
  Until([&] { return Renewed() == 1; });
  EXPECT_TRUE(LastNote().ok());
}

TEST_F(AgentIdentityTest, WithoutTheConfigMapItSaysSo) {
  OnLoop<bool>([this] {
    objects_.Refuse("GET", "configmaps/fairlead-ca", absl::NotFoundError("no such object"));
    return true;
  });
  Start();
  Until([&] { return WasNoted("ConfigMap kube-system/fairlead-ca"); });
}

TEST_F(AgentIdentityTest, TheNextControllerIsAskedWhenOneIsAway) {
  controllers_ = {"127.0.0.1:1", Address()};
  Start();
  Until([&] { return Renewed() == 1; });
}

// Somebody deleted the Secret: nothing that was signed before is good any more.
TEST_F(AgentIdentityTest, AnotherCaIsFoundAfterConnectionsFail) {
  Start();
  Until([&] { return Renewed() == 1; });
  OnLoop<bool>([this] {
    objects_.Delete("/api/v1/namespaces/kube-system/secrets/fairlead-ca");
    return true;
  });
  auto tls = std::make_shared<controller::HeldTls>();
  std::optional<ClusterIdentity> restarted;
  std::atomic<bool> ready = false;
  OnLoop<bool>([&] {
    restarted.emplace(Caller(), "kube-system", &SystemClock(), loop_.get(), tls);
    restarted->Start([&] { ready = true; });
    return true;
  });
  Until([&] { return ready.load(); });
  server_.reset();
  server_ =
      controller::Server::Start({.addresses = {"127.0.0.1:0"}, .tls = tls, .signer = &restarted->signer()},
                                loop_.get(), controller_.get())
          .value();
  const grpc::Status failed = Sync("n1");
  EXPECT_EQ(failed.error_code(), grpc::StatusCode::UNAVAILABLE);
  const std::string advice = OnLoop<std::string>([&] {
    identity_->SetControllers({Address()});
    return identity_->Advice(absl::UnavailableError(failed.error_message()));
  });
  EXPECT_THAT(advice, HasSubstr("no CA of ConfigMap kube-system/fairlead-ca has signed it"));
  Until([&] { return Renewed() == 2; });
  EXPECT_TRUE(Sync("n1").ok());
  server_.reset();
  OnLoop<bool>([&] {
    restarted.reset();
    return true;
  });
}

}  // namespace
}  // namespace fairlead::agent
