// A controller that keeps the cluster's CA: who gets a certificate over the wire, and what it opens. No other
// service answers a caller without one.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "api/identity.grpc.pb.h"
#include "api/introspect.grpc.pb.h"
#include "api/workloads.grpc.pb.h"
#include "controller/identity/cluster_identity.h"
#include "controller/server/server.h"
#include "pki/request.h"
#include "tests/controller/fake_objects.h"
#include "tests/controller/manifests.h"
#include "tests/controller/scratch_folder.h"
#include "tests/controller/test_agent.h"

namespace fairlead::controller {
namespace {

using ::testing::HasSubstr;

// PEM; empty certificate and key: none is shown.
struct Client {
  std::string ca, cert, key;
};

class IdentityServiceTest : public ::testing::Test {
 protected:
  IdentityServiceTest() {
    folder_.Put("nodes.yaml", NodeYaml("n1", 1) + NodeYaml("n2", 2));
    objects_.SetAgentToken("token-of-n1", "n1");
    controller_ = Controller::Open({folder_.path()}, {}, SystemClock(), loop_.get()).value();
    absl::Notification ready;
    thread_ = std::thread([this] { loop_->Run(); });
    loop_->Post([&] { identity_.Start([&] { ready.Notify(); }); });
    ready.WaitForNotification();
    server_ = Server::Start({.addresses = {"127.0.0.1:0", Socket()},
                             .tls = tls_,
                             .signer = &identity_.signer(),
                             .identity = &identity_},
                            loop_.get(), controller_.get())
                  .value();
    trusted_ = (*tls_->Current())->ca;
  }
  ~IdentityServiceTest() override {
    server_.reset();
    loop_->Stop();
    thread_.join();
    loop_->Drain();
  }

  std::string Socket() const { return "unix:" + (run_ / "controller.sock"); }
  // Answers on the loop, as the client of a real API server does.
  kube::ApiCall Caller() {
    return [this, call = objects_.Caller()](kube::ApiRequest request, kube::ApiClient::Done done) {
      call(std::move(request), std::move(done));
      loop_->Post([this] { objects_.AnswerAll(); });
    };
  }

  std::shared_ptr<grpc::Channel> Connect(const Client& client) const {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = client.ca;
    options.pem_cert_chain = client.cert;
    options.pem_private_key = client.key;
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride("fairlead-controller");
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", server_->port(0)),
                                     grpc::SslCredentials(options), arguments);
  }
  std::shared_ptr<grpc::Channel> ConnectAsNobody() const { return Connect({trusted_, "", ""}); }

  grpc::Status Sign(const std::string& token, Client* client) {
    return Sign(ConnectAsNobody(), token, client);
  }
  grpc::Status Sign(const std::shared_ptr<grpc::Channel>& channel, const std::string& token, Client* client) {
    const pki::PrivateKey key = pki::PrivateKey::Make().value();
    identity::v1::SignRequest request;
    request.set_csr_pem(pki::MakeRequest(key).value());
    request.set_token(token);
    identity::v1::SignReply reply;
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    grpc::Status status = identity::v1::Identity::NewStub(channel)->Sign(&context, request, &reply);
    *client = {reply.ca_pem(), reply.certificate_pem(), key.ToPem()};
    not_after_s_ = reply.not_after_s();
    return status;
  }
  static grpc::Status SyncAs(const std::shared_ptr<grpc::Channel>& channel, const std::string& node) {
    TestAgent agent(channel, node);
    agent.Hello();
    agent.Read();
    return agent.Finish();
  }
  // How a call of any method ends.
  static grpc::Status Call(const std::shared_ptr<grpc::Channel>& channel, const std::string& method) {
    grpc::GenericStub stub(channel);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    grpc::CompletionQueue queue;
    const grpc::Slice nothing("");
    auto call = stub.PrepareUnaryCall(&context, method, grpc::ByteBuffer(&nothing, 1), &queue);
    call->StartCall();
    grpc::ByteBuffer reply;
    grpc::Status status;
    call->Finish(&reply, &status, &queue);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    return status;
  }

  FakeObjects objects_;
  ScratchFolder folder_, run_;
  std::unique_ptr<EventLoop> loop_ = EventLoop::Create().value();
  std::shared_ptr<HeldTls> tls_ = std::make_shared<HeldTls>();
  ClusterIdentity identity_{Caller(), "kube-system", &SystemClock(), loop_.get(), tls_};
  std::unique_ptr<Controller> controller_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
  std::string trusted_;
  int64_t not_after_s_ = 0;
};

TEST_F(IdentityServiceTest, ATokenOpensItsNodesStreamAndNoOther) {
  Client client;
  const grpc::Status status = Sign("token-of-n1", &client);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(client.ca, trusted_);
  EXPECT_NEAR(static_cast<double>(not_after_s_),
              static_cast<double>(absl::ToUnixSeconds(absl::Now() + kLeafLife)), 120);
  EXPECT_TRUE(SyncAs(Connect(client), "n1").ok());
  EXPECT_EQ(SyncAs(Connect(client), "n2").error_code(), grpc::StatusCode::PERMISSION_DENIED);
}

TEST_F(IdentityServiceTest, RefusalsReachTheCaller) {
  Client client;
  const grpc::Status status = Sign("nobody's", &client);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_THAT(status.error_message(), HasSubstr("does not accept the token"));
  EXPECT_EQ(client.cert, "");
}

TEST_F(IdentityServiceTest, NoOtherServiceAnswersACallerWithoutACertificate) {
  std::vector<std::string> methods = {
      "/fairlead.identity.v1.Identity/Sign/", "/fairlead.identity.v1.Identity/sign",
      "/fairlead.identity.v1.Identity/Other", "/x", "/grpc.health.v1.Health/Check"};
  const google::protobuf::DescriptorPool* pool = google::protobuf::DescriptorPool::generated_pool();
  for (const char* name : {"fairlead.control.v1.ControlApi", "fairlead.introspect.v1.Introspect",
                           "fairlead.workloads.v1.Workloads"}) {
    const google::protobuf::ServiceDescriptor* service = pool->FindServiceByName(name);
    ASSERT_NE(service, nullptr) << name;
    for (int i = 0; i < service->method_count(); ++i) {
      methods.push_back(absl::StrCat("/", name, "/", service->method(i)->name()));
    }
  }
  const std::shared_ptr<grpc::Channel> channel = ConnectAsNobody();
  for (const std::string& method : methods) {
    const grpc::Status status = Call(channel, method);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED)
        << method << ": " << status.error_message();
    EXPECT_THAT(status.error_message(), HasSubstr("a client certificate is needed"));
  }
  EXPECT_EQ(SyncAs(channel, "n1").error_code(), grpc::StatusCode::UNAUTHENTICATED);
  // The same caller may ask for a certificate, and somebody with one is answered otherwise.
  EXPECT_THAT(Call(channel, "/fairlead.identity.v1.Identity/Sign").error_message(),
              HasSubstr("no service account"));
  Client client;
  ASSERT_TRUE(Sign("token-of-n1", &client).ok());
  EXPECT_EQ(Call(Connect(client), "/x").error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(IdentityServiceTest, StatusSaysWhenCertificatesEnd) {
  const std::string trusted = pki::TimeText(pki::ParseCertificates(trusted_)->front().end());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  introspect::v1::StatusReply reply;
  const auto stub =
      introspect::v1::Introspect::NewStub(grpc::CreateChannel(Socket(), grpc::InsecureChannelCredentials()));
  ASSERT_TRUE(stub->Status(&context, {}, &reply).ok());
  std::string message;
  for (const introspect::v1::Condition& condition : reply.conditions()) {
    if (condition.type() == "CertificatesKept" && condition.ok()) message = condition.message();
  }
  EXPECT_THAT(message, HasSubstr("the CA's until " + trusted));
}

TEST_F(IdentityServiceTest, CertificatesOfAnotherCaOpenNothing) {
  const absl::Time now = absl::Now();
  const pki::Lifetime lifetime{now - absl::Hours(1), now + absl::Hours(1)};
  const pki::Authority other = pki::MakeAuthority("fairlead-ca", lifetime).value();
  const pki::PrivateKey key = pki::PrivateKey::Make().value();
  const pki::Certificate forged =
      pki::Sign(other, *key.Public(), {.common_name = "system:fairlead:node:n1"}, lifetime).value();
  const Client client{trusted_, forged.ToPem(), key.ToPem()};
  EXPECT_EQ(SyncAs(Connect(client), "n1").error_code(), grpc::StatusCode::UNAVAILABLE);
  Client signed_client;
  EXPECT_TRUE(Sign("token-of-n1", &signed_client).ok());
}

TEST_F(IdentityServiceTest, ANodesCertificateIsNoControllers) {
  Client client;
  ASSERT_TRUE(Sign("token-of-n1", &client).ok());
  auto stolen = std::make_shared<HeldTls>();
  stolen->Hold({client.ca, client.cert, client.key});
  server_ = Server::Start({.addresses = {"127.0.0.1:0"}, .tls = stolen, .signer = &identity_.signer()},
                          loop_.get(), controller_.get())
                .value();
  const grpc::Status status = SyncAs(Connect(client), "n1");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("handshake failed"));
}

TEST_F(IdentityServiceTest, AServerEndsWhileTheApiServerIsSilent) {
  absl::Notification asked;
  kube::ApiCall silent = [&](const kube::ApiRequest&, const kube::ApiClient::Done&) { asked.Notify(); };
  NodeSigner signer(silent, "kube-system", &SystemClock());
  absl::Notification set;
  loop_->Post([&] {
    signer.SetAuthorities(*identity_.authorities());
    set.Notify();
  });
  set.WaitForNotification();
  server_ = Server::Start({.addresses = {"127.0.0.1:0"}, .tls = tls_, .signer = &signer}, loop_.get(),
                          controller_.get())
                .value();
  grpc::Status status;
  Client client;
  std::thread caller([&, channel = ConnectAsNobody()] { status = Sign(channel, "token-of-n1", &client); });
  asked.WaitForNotification();
  server_.reset();
  caller.join();
  EXPECT_FALSE(status.ok());
}

}  // namespace
}  // namespace fairlead::controller
