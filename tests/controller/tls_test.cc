// Who gets in over TLS, and sees what.
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <optional>

#include "api/introspect.grpc.pb.h"
#include "api/workloads.grpc.pb.h"
#include "tests/controller/certificates.h"
#include "tests/controller/manifests.h"
#include "tests/controller/test_agent.h"
#include "tests/controller/test_controller.h"

namespace fairlead::controller {
namespace {

using ::testing::HasSubstr;

class TlsTest : public ::testing::Test {
 protected:
  TlsTest() : files_(ca_.Sign("controller")) {
    folder_.Put("nodes.yaml", NodeYaml("n1", 1) + NodeYaml("n2", 2));
    controller_.emplace(folder_.path(), files_);
  }

  std::shared_ptr<grpc::Channel> Connect(const std::optional<TlsFiles>& client) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = ReadFile(client ? client->ca : ca_.Sign("unused").ca);
    if (client) {
      options.pem_cert_chain = ReadFile(client->cert);
      options.pem_private_key = ReadFile(client->key);
    }
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(controller_->port()),
                                     grpc::SslCredentials(options), arguments);
  }

  grpc::Status SyncAs(const std::optional<TlsFiles>& client, const std::string& node) {
    TestAgent agent(Connect(client), node);
    agent.Hello();
    agent.Read();
    return agent.Finish();
  }

  static grpc::Status Names(const std::shared_ptr<grpc::Channel>& channel) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    introspect::v1::NamesReply reply;
    return introspect::v1::Introspect::NewStub(channel)->Names(&context, {}, &reply);
  }

  ScratchFolder folder_;
  TestCa ca_;
  TlsFiles files_;  // the controller's
  std::optional<TestController> controller_;
};

TEST_F(TlsTest, CertificateBindsAnAgentToItsNode) {
  TlsFiles n1 = ca_.Sign("system:fairlead:node:n1");
  EXPECT_TRUE(SyncAs(n1, "n1").ok());
  grpc::Status status = SyncAs(n1, "n2");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_THAT(status.error_message(), HasSubstr("that of node n1, Hello names node n2"));
}

TEST_F(TlsTest, UriOfTheCertificateBindsToo) {
  EXPECT_TRUE(SyncAs(ca_.Sign("x", "system:fairlead:node:n2"), "n2").ok());
}

TEST_F(TlsTest, CertificateOfNoNodeIsNoAgent) {
  EXPECT_EQ(SyncAs(ca_.Sign("somebody"), "n1").error_code(), grpc::StatusCode::PERMISSION_DENIED);
}

TEST_F(TlsTest, StrangersAreNotLetIn) {
  EXPECT_EQ(SyncAs(std::nullopt, "n1").error_code(), grpc::StatusCode::UNAVAILABLE);
  TestCa other;
  EXPECT_EQ(SyncAs(other.Sign("system:fairlead:node:n1"), "n1").error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(TlsTest, NodesDoNotSeeTheWholeCluster) {
  std::shared_ptr<grpc::Channel> node = Connect(ca_.Sign("system:fairlead:node:n1"));
  EXPECT_EQ(Names(node).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  auto watch = workloads::v1::Workloads::NewStub(node)->Watch(&context, {});
  workloads::v1::Snapshot snapshot;
  EXPECT_FALSE(watch->Read(&snapshot));
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::PERMISSION_DENIED);

  EXPECT_TRUE(Names(Connect(ca_.Sign("operator"))).ok());
}

TEST_F(TlsTest, RenewedFilesCountForTheNextConnection) {
  TestCa other;
  const TlsFiles old_client = ca_.Sign("system:fairlead:node:n1");
  TestAgent agent(Connect(old_client), "n1");
  agent.Hello();
  ASSERT_TRUE(agent.SyncUp());
  const TlsFiles renewed = other.Sign("controller");
  std::filesystem::rename(renewed.key, files_.key);
  std::filesystem::rename(renewed.cert, files_.cert);
  const TlsFiles new_client = other.Sign("system:fairlead:node:n2");
  std::filesystem::copy(new_client.ca, files_.ca, std::filesystem::copy_options::overwrite_existing);
  EXPECT_TRUE(SyncAs(new_client, "n2").ok());
  EXPECT_EQ(SyncAs({{new_client.ca, old_client.cert, old_client.key}}, "n1").error_code(),
            grpc::StatusCode::UNAVAILABLE);
  folder_.Put("more.yaml", NodeYaml("n3", 3));
  EXPECT_TRUE(agent.Take()) << "an open stream goes on";
}

TEST_F(TlsTest, HalfRenewedFilesLeaveTheOldOnesInForce) {
  const TlsFiles client = ca_.Sign("system:fairlead:node:n1");
  std::filesystem::rename(ca_.Sign("controller").key, files_.key);
  EXPECT_TRUE(SyncAs(client, "n1").ok());
  std::filesystem::remove(files_.key);
  EXPECT_TRUE(SyncAs(client, "n1").ok());
}

TEST_F(TlsTest, AStreamEndsWithItsCertificate) {
  TestAgent agent(Connect(ca_.SignFor("system:fairlead:node:n1", 6)), "n1");
  agent.Hello();
  ASSERT_TRUE(agent.SyncUp());
  EXPECT_FALSE(agent.Read());
  const grpc::Status status = agent.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED) << status.error_message();
  EXPECT_THAT(status.error_message(), HasSubstr("has expired: connect with a new one"));
}

TEST(Listen, PlainTcpIsRefusedWithTheWayOut) {
  ScratchFolder folder;
  auto loop = *EventLoop::Create();
  auto controller = *Controller::Open({folder.path()}, {}, SystemClock(), loop.get());
  absl::Status status = Server::Start({.addresses = {"127.0.0.1:0"}}, loop.get(), controller.get()).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("give --tls-ca, --tls-cert and --tls-key"));
  status = TlsFileSource::Open({"/none", "/none", "/none"}).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("--tls-ca: open /none: No such file"));
}

TEST(Listen, SocketIsForItsOwnerOnlyAndServedOnce) {
  ScratchFolder folder;
  auto loop = *EventLoop::Create();
  auto controller = *Controller::Open({folder.path()}, {}, SystemClock(), loop.get());
  std::string path = folder / "c.sock";
  auto first = Server::Start({.addresses = {"unix:" + path}}, loop.get(), controller.get());
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms{0600});
  absl::Status status = Server::Start({.addresses = {"unix:" + path}}, loop.get(), controller.get()).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("another fairlead-controller serves it"));
  first->reset();
  EXPECT_TRUE(Server::Start({.addresses = {"unix:" + path}}, loop.get(), controller.get()).ok());
}

}  // namespace
}  // namespace fairlead::controller
