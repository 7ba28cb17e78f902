// What replicas of the controller tell each other, over TLS.
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <future>
#include <map>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/peers.grpc.pb.h"
#include "controller/peers/endpoint_follower.h"
#include "controller/peers/peer_client.h"
#include "controller/peers/replicas.h"
#include "kube/controller_pods.h"
#include "tests/controller/certificates.h"
#include "tests/controller/fake_objects.h"
#include "tests/controller/kept_link.h"
#include "tests/controller/manifests.h"
#include "tests/controller/objects.h"
#include "tests/controller/test_agent.h"
#include "tests/controller/test_controller.h"

namespace fairlead::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PeersTest : public ::testing::Test {
 protected:
  PeersTest() {
    folder_.Put("nodes.yaml", NodeYaml("n1", 1) + NodeYaml("n2", 2));
    controller_.emplace(folder_.path(), ca_.Sign("controller"));
    owner_ = std::thread([this] { loop_->Run(); });
  }
  ~PeersTest() override {
    loop_->Stop();
    owner_.join();
    client_.reset();
    loop_->Drain();
  }

  // What a client with a certificate for `name` is told.
  absl::StatusOr<ClusterProgress> AskAs(const std::string& name) {
    const TlsFiles files = ca_.Sign(name);
    const TlsTexts texts{ReadFile(files.ca), ReadFile(files.cert), ReadFile(files.key)};
    return Ask(texts, absl::StrCat("127.0.0.1:", controller_->port()));
  }
  absl::StatusOr<ClusterProgress> Ask(const TlsTexts& texts, const std::string& replica) {
    std::promise<absl::StatusOr<ClusterProgress>> promise;
    loop_->Post([&] {
      texts_ = texts;
      if (!client_) client_.emplace(loop_.get(), [this] { return texts_; });
      client_->AskProgress(replica, {{"Pod", 5}}, [&](absl::StatusOr<ClusterProgress> answer) {
        promise.set_value(std::move(answer));
      });
    });
    return promise.get_future().get();
  }

  TestAgent AgentOf(const std::string& node) {
    const TlsFiles files = ca_.Sign("system:fairlead:node:" + node);
    grpc::SslCredentialsOptions options{ReadFile(files.ca), ReadFile(files.key), ReadFile(files.cert)};
    return {
        grpc::CreateChannel(absl::StrCat("127.0.0.1:", controller_->port()), grpc::SslCredentials(options)),
        node};
  }

  ScratchFolder folder_;
  TestCa ca_;
  std::optional<TestController> controller_;
  std::unique_ptr<EventLoop> loop_ = *EventLoop::Create();
  TlsTexts texts_;
  std::optional<GrpcPeerClient> client_;
  std::thread owner_;
};

constexpr char kController[] = "system:fairlead:controller";

TEST_F(PeersTest, TellEachOtherHowTheirAgentsAre) {
  TestAgent agent = AgentOf("n1");
  agent.Hello();
  const std::optional<control::v1::SyncResponse> push = agent.Read();
  ASSERT_TRUE(push);
  absl::StatusOr<ClusterProgress> progress = AskAs(kController);
  ASSERT_TRUE(progress.ok()) << progress.status();
  ASSERT_EQ(progress->size(), 1u) << "n2 has no agent";
  EXPECT_TRUE(progress->at("n1").connected);
  EXPECT_FALSE(progress->at("n1").told);
  EXPECT_EQ(progress->at("n1").outstanding.count({ResourceKind::kNode, "n2"}), 1u);

  control::v1::SyncRequest request;
  control::v1::AgentHealth* health = request.mutable_report()->mutable_health();
  health->set_ready(true);
  health->set_kernel("6.1.0");
  health->add_conditions()->set_type("DatapathReady");
  health->add_pools()->mutable_cidr()->set_address(std::string("\x0a\xf4\x01\x00", 4));
  health->mutable_pools(0)->mutable_cidr()->set_length(24);
  health->mutable_pools(0)->set_free(250);
  ASSERT_TRUE(agent.Send(request));
  agent.Apply(*push);
  agent.Ack(push->nonce());
  // The agent's messages are taken in in their order; the ack was sent last.
  for (int i = 0; i < 2000; ++i) {
    progress = AskAs(kController);
    ASSERT_TRUE(progress.ok()) << progress.status();
    if (progress->at("n1").told) break;
  }
  const AgentProgress& told = progress->at("n1");
  EXPECT_TRUE(told.told);
  EXPECT_TRUE(told.outstanding.empty());
  ASSERT_TRUE(told.health);
  EXPECT_TRUE(told.health->ready);
  EXPECT_EQ(told.health->kernel, "6.1.0");
  EXPECT_EQ(told.health->conditions.at(0).type, "DatapathReady");
  EXPECT_EQ(told.health->pools.at(0).cidr.ToString(), "10.244.1.0/24");
}

TEST_F(PeersTest, TellNobodyElse) {
  for (const char* name : {"system:fairlead:node:n1", "somebody"}) {
    const absl::StatusOr<ClusterProgress> refused = AskAs(name);
    EXPECT_TRUE(absl::IsPermissionDenied(refused.status())) << name << ": " << refused.status();
    EXPECT_THAT(refused.status().message(), HasSubstr("no controller's"));
  }
  TestCa other;
  const TlsFiles files = other.Sign(kController);
  const TlsTexts texts{ReadFile(ca_.Sign("x").ca), ReadFile(files.cert), ReadFile(files.key)};
  EXPECT_FALSE(Ask(texts, absl::StrCat("127.0.0.1:", controller_->port())).ok()) << "another CA's";
}

TEST_F(PeersTest, AReplicaThatIsNotThereIsNamed) {
  const TlsFiles files = ca_.Sign(kController);
  const absl::StatusOr<ClusterProgress> nobody =
      Ask({ReadFile(files.ca), ReadFile(files.cert), ReadFile(files.key)}, "127.0.0.1:1");
  EXPECT_FALSE(nobody.ok());
  EXPECT_THAT(nobody.status().message(), HasSubstr("the controller at 127.0.0.1:1"));
}

// "n1: uid-a 10.244.1.5", as a follower is told.
std::string TextOf(const std::string& node, const std::vector<ReportedEndpoint>& endpoints) {
  std::string text = node + ":";
  for (const ReportedEndpoint& endpoint : endpoints)
    absl::StrAppend(&text, " ", endpoint.pod_uid, " ", endpoint.addresses.front().ToString());
  return text;
}

TEST_F(PeersTest, NobodyIsAskedBeforeThereIsACertificate) {
  const absl::StatusOr<ClusterProgress> early = Ask({}, absl::StrCat("127.0.0.1:", controller_->port()));
  EXPECT_TRUE(absl::IsUnavailable(early.status()));
  EXPECT_THAT(early.status().message(), HasSubstr("no certificate yet"));
}

TEST_F(PeersTest, FollowWhatEachOthersAgentsReport) {
  TestAgent agent = AgentOf("n1");
  agent.Hello({EndpointOf("uid-a", "s1", "10.244.1.5", 1)});
  ASSERT_TRUE(agent.Read());
  std::promise<void> begun, all;
  std::vector<std::string> told;
  std::unique_ptr<EndpointFollower> follower;
  const TlsFiles files = ca_.Sign(kController);
  loop_->Post([&] {
    follower = std::make_unique<EndpointFollower>(
        absl::StrCat("127.0.0.1:", controller_->port()),
        [&] { return TlsTexts{ReadFile(files.ca), ReadFile(files.cert), ReadFile(files.key)}; },
        [&](const std::string& node, const std::vector<ReportedEndpoint>& endpoints) {
          told.push_back(TextOf(node, endpoints));
          if (told.size() == 1) begun.set_value();
          if (told.size() == 2) all.set_value();
        },
        loop_.get());
  });
  begun.get_future().wait();
  agent.Report({EndpointOf("uid-b", "s2", "10.244.1.6", 2)}, {EndpointOf("uid-a", "s1", "10.244.1.5", 1)});
  all.get_future().wait();
  std::promise<void> gone;
  loop_->Post([&] {
    follower.reset();
    gone.set_value();
  });
  gone.get_future().wait();
  EXPECT_EQ(told, (std::vector<std::string>{"n1: uid-a 10.244.1.5", "n1: uid-b 10.244.1.6"}));
}

TEST_F(PeersTest, FollowersThatAreNoControllersAreRefused) {
  std::promise<void> refused;
  const TlsFiles files = ca_.Sign("system:fairlead:node:n1");
  grpc::SslCredentialsOptions options{ReadFile(files.ca), ReadFile(files.key), ReadFile(files.cert)};
  const auto stub = peers::v1::Peers::NewStub(
      grpc::CreateChannel(absl::StrCat("127.0.0.1:", controller_->port()), grpc::SslCredentials(options)));
  grpc::ClientContext context;
  const auto reader = stub->Endpoints(&context, {});
  peers::v1::NodeEndpoints message;
  EXPECT_FALSE(reader->Read(&message));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::PERMISSION_DENIED);
}

class PeerReportTest : public ::testing::Test {
 protected:
  PeerReportTest() : store_(ClusterSettings()), hub_(&store_) {
    hub_.SetObjects(ObjectsOf(NodeYaml("n1", 1) + NodeYaml("n2", 2) + PodYaml("a", "n1", "a") +
                              PodYaml("b", "n2", "b") + PolicyYaml("y", "b", "a")),
                    1);
    Connect("n2");
  }
  void Connect(const std::string& node, const std::vector<ReportedEndpoint>& endpoints = {}) {
    HelloMessage hello;
    hello.protocol_version = kProtocolVersion;
    hello.node = node;
    hello.endpoints = endpoints;
    ASSERT_TRUE(hub_.OnHello(&links_[node], hello).ok());
    Take(node);
  }
  void Take(const std::string& node) {
    while (std::optional<Push> push = std::exchange(links_[node].last, std::nullopt))
      ASSERT_TRUE(hub_.OnAck(&links_[node], push->nonce).ok());
  }
  static ReportedEndpoint At(const char* address) {
    return {"uid-a", "shop", "a", "s1", {*IpAddress::Parse(address)}, 1};
  }
  // Members of the group that the policy of n2's pod mentions.
  std::vector<std::string> Admitted() const {
    std::vector<std::string> members;
    store_.ForEachOwn("n2", [&](const ResourcePtr& resource) {
      if (const auto* group = std::get_if<policy::AddressGroup>(&resource->body)) {
        for (const IpPrefix& member : group->members) members.push_back(member.ToString());
      }
    });
    return members;
  }

  Store store_;
  Hub hub_;
  std::map<std::string, KeptLink> links_;
};

TEST_F(PeerReportTest, AnAddressThatAnotherReplicasAgentReportsCountsAtOnce) {
  hub_.OnPeerReport("n1", {At("10.244.1.5")});
  EXPECT_TRUE(links_["n2"].last) << "n2 is told within the call";
  EXPECT_THAT(Admitted(), ElementsAre("10.244.1.5/32"));
  hub_.OnPeerReport("n1", {});
  EXPECT_THAT(Admitted(), IsEmpty());
  hub_.OnPeerReport("nobody", {At("10.244.1.5")});
  EXPECT_THAT(Admitted(), IsEmpty());
}

TEST_F(PeerReportTest, WhatTheAgentSaysHereCountsMore) {
  Connect("n1", {At("10.244.1.6")});
  hub_.OnPeerReport("n1", {At("10.244.1.5")});
  EXPECT_THAT(Admitted(), ElementsAre("10.244.1.6/32"));
  hub_.OnGone(&links_["n1"]);
  hub_.OnPeerReport("n1", {At("10.244.1.7")});
  EXPECT_THAT(Admitted(), ElementsAre("10.244.1.7/32")) << "it has gone over to another replica";
}

TEST(ReplicasTest, FollowsEachOtherOneAsLongAsItIsThere) {
  const auto loop = *EventLoop::Create();
  FakeObjects objects;
  const std::string path = kube::ControllerPodsPath("fairlead");
  auto set = [&](const std::map<std::string, std::string>& pods) {
    nlohmann::json items = nlohmann::json::array();
    for (const auto& [name, address] : pods)
      items.push_back({{"metadata", {{"name", name}}}, {"status", {{"podIP", address}}}});
    objects.SetField(path, "/items"_json_pointer, items);
  };
  std::multiset<std::string> followed;
  Replicas replicas(
      {.namespace_name = "fairlead", .pod = "c1", .port = 9443}, objects.Caller(),
      [&](const std::string& replica) {
        followed.insert(replica);
        return std::shared_ptr<void>(nullptr, [&followed, replica](void*) { followed.erase(replica); });
      },
      loop.get());
  auto look = [&] {
    replicas.Look();
    objects.AnswerAll();
  };
  set({{"c1", "10.0.0.1"}});
  look();
  EXPECT_THAT(followed, IsEmpty()) << "not itself";
  set({{"c1", "10.0.0.1"}, {"c2", "10.0.0.2"}, {"c3", "fd00::3"}});
  look();
  look();
  EXPECT_THAT(followed, ElementsAre("10.0.0.2:9443", "[fd00::3]:9443"));
  objects.Refuse("GET", path, absl::UnavailableError("away"));
  look();
  EXPECT_THAT(followed, ElementsAre("10.0.0.2:9443", "[fd00::3]:9443"));
  objects.Refuse("GET", path, absl::OkStatus());
  set({{"c1", "10.0.0.1"}, {"c3", "fd00::3"}});
  look();
  EXPECT_THAT(followed, ElementsAre("[fd00::3]:9443"));
}

TEST_F(PeersTest, HealthThatIsNoneEndsTheStream) {
  using Spoil = void (*)(control::v1::AgentHealth*);
  const Spoil spoils[] = {
      [](control::v1::AgentHealth* health) { health->add_conditions()->set_type("no word"); },
      [](control::v1::AgentHealth* health) { health->add_conditions(); },
      [](control::v1::AgentHealth* health) { health->add_conditions()->set_type(std::string(65, 'a')); },
      [](control::v1::AgentHealth* health) { health->add_pools()->mutable_cidr()->set_address("abc"); },
      [](control::v1::AgentHealth* health) {
        for (int i = 0; i < 65; ++i) health->add_conditions()->set_type("Ready");
      },
  };
  for (const Spoil spoil : spoils) {
    TestAgent agent = AgentOf("n1");
    agent.Hello();
    control::v1::SyncRequest request;
    spoil(request.mutable_report()->mutable_health());
    agent.Send(request);
    while (agent.Read()) continue;
    EXPECT_EQ(agent.Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  }
}

}  // namespace
}  // namespace fairlead::controller
