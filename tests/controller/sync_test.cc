// The Sync protocol over a real gRPC channel, as agents and as strangers speak it.
#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "tests/controller/manifests.h"
#include "tests/controller/test_agent.h"
#include "tests/controller/test_controller.h"

namespace fairlead::controller {
namespace {

namespace pb = control::v1;
using ::testing::HasSubstr;

class SyncTest : public ::testing::Test {
 protected:
  SyncTest() {
    folder_.Put("nodes.yaml", NodeYaml("n1", 1) + NodeYaml("n2", 2));
    folder_.Put("shop.yaml", PodYaml("web-1", "n1") + PodYaml("db-1", "n2", "db") + ServiceYaml("web") +
                                 PolicyYaml("db", "db", "web"));
    controller_.emplace(folder_.path());
  }

  TestAgent Agent(const std::string& node) { return TestAgent(controller_->Connect(), node); }

  // Reads pushes until `done`; false when the stream ends before.
  template <typename Done>
  static bool TakeUntil(TestAgent& agent, Done done) {
    while (!done()) {
      if (!agent.Take()) return false;
    }
    return true;
  }

  static int BackendsOf(const TestAgent& agent, const std::string& service) {
    const pb::Resource* resource = agent.Find(pb::SERVICE, service);
    return resource == nullptr ? -1 : resource->service().ports(0).backends_size();
  }

  ScratchFolder folder_;
  std::optional<TestController> controller_;
};

TEST_F(SyncTest, FirstConnectGetsEverythingOfItsNodeAndNothingElse) {
  TestAgent agent = Agent("n1");
  agent.Hello();
  ASSERT_TRUE(agent.SyncUp());
  EXPECT_NE(agent.Find(pb::NODE_CONFIG, "n1"), nullptr);
  EXPECT_NE(agent.Find(pb::NODE, "n2"), nullptr);
  EXPECT_NE(agent.Find(pb::ENDPOINT, "uid-web-1"), nullptr);
  EXPECT_NE(agent.Find(pb::SERVICE, "shop/web"), nullptr);
  EXPECT_EQ(agent.Find(pb::ENDPOINT, "uid-db-1"), nullptr);
  for (const auto& [id, resource] : agent.held()) {
    EXPECT_NE(id.first, pb::POLICY_SET) << "the policy is on a pod of n2: " << id.second;
    EXPECT_NE(id.first, pb::ADDRESS_GROUP) << id.second;
  }
}

TEST_F(SyncTest, EndpointNamesSetsAndGroupsThatAreThere) {
  TestAgent agent = Agent("n2");
  agent.Hello();
  ASSERT_TRUE(agent.SyncUp());
  const pb::Resource* endpoint = agent.Find(pb::ENDPOINT, "uid-db-1");
  ASSERT_NE(endpoint, nullptr);
  EXPECT_EQ(endpoint->endpoint().egress_set(), "");
  const pb::Resource* set = agent.Find(pb::POLICY_SET, endpoint->endpoint().ingress_set());
  ASSERT_NE(set, nullptr);
  ASSERT_EQ(set->policy_set().rules_size(), 2);  // the rule, the isolation
  EXPECT_NE(agent.Find(pb::ADDRESS_GROUP, set->policy_set().rules(0).peers(0)), nullptr);
}

TEST_F(SyncTest, ReconnectGetsTheDifferenceOnly) {
  TestAgent agent = Agent("n1");
  agent.Hello();
  ASSERT_TRUE(agent.SyncUp());
  ASSERT_TRUE(agent.Finish().ok());

  agent.Connect();
  agent.Hello();
  std::optional<pb::SyncResponse> push = agent.Take();
  ASSERT_TRUE(push);
  EXPECT_TRUE(push->complete());
  EXPECT_EQ(push->upserts_size() + push->removals_size(), 0);

  ASSERT_TRUE(agent.Finish().ok());
  folder_.Put("more.yaml", ServiceYaml("api"));
  // A second agent sees when the change is in force.
  TestAgent witness = Agent("n2");
  witness.Hello();
  ASSERT_TRUE(TakeUntil(witness, [&] { return witness.Find(pb::SERVICE, "shop/api") != nullptr; }));
  agent.Connect();
  agent.Hello();
  push = agent.Take();
  ASSERT_TRUE(push);
  ASSERT_EQ(push->upserts_size(), 1);
  EXPECT_EQ(push->upserts(0).name(), "shop/api");
}

TEST_F(SyncTest, ControllerRestartLeavesVersionsAsTheyWere) {
  TestAgent agent = Agent("n2");
  agent.Hello();
  ASSERT_TRUE(agent.SyncUp());
  auto held = agent.held();
  uint64_t watermark = agent.watermark;

  controller_.reset();
  controller_.emplace(folder_.path());
  TestAgent again = Agent("n2");
  again.Hello();
  ASSERT_TRUE(again.SyncUp());
  EXPECT_GT(again.watermark, watermark);
  ASSERT_EQ(again.held().size(), held.size());
  for (const auto& [id, resource] : held)
    EXPECT_EQ(again.held().at(id).version(), resource.version()) << id.second;
}

TEST_F(SyncTest, ReportReachesTheServicesAndGroupsOfOtherNodes) {
  TestAgent n1 = Agent("n1");
  n1.Hello();
  ASSERT_TRUE(n1.SyncUp());
  TestAgent n2 = Agent("n2");
  n2.Hello();
  ASSERT_TRUE(n2.SyncUp());

  n1.Report({EndpointOf("uid-web-1", "sandbox-1", "10.244.1.5", 1)});
  ASSERT_TRUE(TakeUntil(n2, [&] { return BackendsOf(n2, "shop/web") == 1; }));
  const std::string& set = n2.Find(pb::ENDPOINT, "uid-db-1")->endpoint().ingress_set();
  const std::string& group = n2.Find(pb::POLICY_SET, set)->policy_set().rules(0).peers(0);
  ASSERT_EQ(n2.Find(pb::ADDRESS_GROUP, group)->address_group().members_size(), 1);
  EXPECT_EQ(n2.Find(pb::ADDRESS_GROUP, group)->address_group().members(0).length(), 32U);

  n1.Report({}, {EndpointOf("uid-web-1", "sandbox-1", "10.244.1.5", 1)});
  ASSERT_TRUE(TakeUntil(n2, [&] { return BackendsOf(n2, "shop/web") == 0; }));
  EXPECT_EQ(n2.Find(pb::ADDRESS_GROUP, group)->address_group().members_size(), 0);
}

TEST_F(SyncTest, OlderSandboxNeverReplacesANewerOne) {
  TestAgent n1 = Agent("n1");
  n1.Hello({EndpointOf("uid-web-1", "new", "10.244.1.6", 7)});
  ASSERT_TRUE(TakeUntil(n1, [&] { return BackendsOf(n1, "shop/web") == 1; }));
  n1.Report({EndpointOf("uid-web-1", "old", "10.244.1.5", 3)},
            {EndpointOf("uid-web-1", "old", "10.244.1.5", 3)});
  // A later change of the same kind shows that the report was dealt with.
  n1.Report({EndpointOf("uid-web-1", "newest", "10.244.1.7", 8)});
  auto address = [&] {
    return IpAddress::FromBytes(n1.Find(pb::SERVICE, "shop/web")->service().ports(0).backends(0).address())
        ->ToString();
  };
  EXPECT_EQ(address(), "10.244.1.6");
  ASSERT_TRUE(TakeUntil(n1, [&] { return address() != "10.244.1.6"; }));
  EXPECT_EQ(address(), "10.244.1.7");
}

TEST_F(SyncTest, HelloReplacesWhatTheNodeHadReported) {
  TestAgent n2 = Agent("n2");
  n2.Hello();
  ASSERT_TRUE(n2.SyncUp());
  {
    TestAgent n1 = Agent("n1");
    n1.Hello({EndpointOf("uid-web-1", "a", "10.244.1.5", 1)});
    ASSERT_TRUE(n1.SyncUp());
    ASSERT_TRUE(n1.Finish().ok());
  }
  // The agent is away, its pods are not.
  ASSERT_TRUE(TakeUntil(n2, [&] { return BackendsOf(n2, "shop/web") == 1; }));
  TestAgent n1 = Agent("n1");
  n1.Hello({});
  EXPECT_TRUE(TakeUntil(n2, [&] { return BackendsOf(n2, "shop/web") == 0; }));
}

TEST_F(SyncTest, NodeSpeaksForItsOwnPodsOnly) {
  TestAgent n2 = Agent("n2");
  n2.Hello({EndpointOf("uid-web-1", "stolen", "10.244.2.66", 99)});
  ASSERT_TRUE(n2.SyncUp());
  EXPECT_EQ(BackendsOf(n2, "shop/web"), 0);
}

TEST_F(SyncTest, AddressOutsideOfTheNodesRangesCountsForNothing) {
  TestAgent n1 = Agent("n1");
  n1.Hello({EndpointOf("uid-web-1", "a", "10.244.2.5", 1)});
  ASSERT_TRUE(n1.SyncUp());
  EXPECT_EQ(BackendsOf(n1, "shop/web"), 0);
}

TEST_F(SyncTest, SlowAgentGetsTheLastOfManyChanges) {
  TestAgent slow = Agent("n1");
  slow.Hello();
  std::optional<pb::SyncResponse> first = slow.Read();  // not acknowledged yet
  ASSERT_TRUE(first);
  TestAgent quick = Agent("n2");
  quick.Hello();
  ASSERT_TRUE(quick.SyncUp());
  for (uint64_t i = 1; i <= 50; ++i) {
    quick.Report({EndpointOf("uid-db-1", "s", "10.244.2." + std::to_string(i), i)});
  }
  folder_.Put("more.yaml", ServiceYaml("db", "db"));
  // The Service may come before the last of the reports.
  ASSERT_TRUE(TakeUntil(quick, [&] {
    return BackendsOf(quick, "shop/db") == 1 &&
           quick.Find(pb::SERVICE, "shop/db")->service().ports(0).backends(0).address() ==
               IpAddress::Parse("10.244.2.50")->ToBytes();
  }));
  slow.Apply(*first);
  slow.Ack(first->nonce());
  std::optional<pb::SyncResponse> second = slow.Take();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->upserts_size(), 1);
  EXPECT_EQ(slow.Find(pb::SERVICE, "shop/db")->service().ports(0).backends(0).address(),
            IpAddress::Parse("10.244.2.50")->ToBytes());
}

TEST_F(SyncTest, RefusedResourceIsSentAgainWhenItHasChanged) {
  TestAgent agent = Agent("n1");
  agent.Hello();
  std::optional<pb::SyncResponse> push = agent.Read();
  ASSERT_TRUE(push);
  agent.Nack(push->nonce(), {{pb::SERVICE, "shop/web"}});
  // The rest comes again, without it.
  ASSERT_TRUE(agent.SyncUp());
  EXPECT_NE(agent.Find(pb::NODE_CONFIG, "n1"), nullptr);
  EXPECT_EQ(agent.Find(pb::SERVICE, "shop/web"), nullptr);

  agent.Report({EndpointOf("uid-web-1", "a", "10.244.1.5", 1)});
  EXPECT_TRUE(TakeUntil(agent, [&] { return agent.Find(pb::SERVICE, "shop/web") != nullptr; }));
}

TEST_F(SyncTest, AgentAheadOfTheControllerIsCaughtUpWith) {
  TestAgent agent = Agent("n1");
  agent.watermark = uint64_t{1} << 55;
  agent.Hello();
  ASSERT_TRUE(agent.SyncUp());
  EXPECT_GT(agent.watermark, uint64_t{1} << 55);
}

TEST_F(SyncTest, NewerStreamOfANodeEndsTheOlderOne) {
  TestAgent first = Agent("n1");
  first.Hello();
  ASSERT_TRUE(first.SyncUp());
  TestAgent second = Agent("n1");
  second.Hello();
  ASSERT_TRUE(second.SyncUp());
  EXPECT_FALSE(first.Read());
  EXPECT_EQ(first.Finish().error_code(), grpc::StatusCode::ABORTED);
}

TEST_F(SyncTest, RemovedNodeKeepsItsStateAndIsTold) {
  TestAgent agent = Agent("n1");
  agent.Hello();
  ASSERT_TRUE(agent.SyncUp());
  folder_.Put("nodes.yaml", NodeYaml("n2", 2));
  EXPECT_FALSE(agent.Read());
  EXPECT_EQ(agent.Finish().error_code(), grpc::StatusCode::NOT_FOUND);
}

struct MalformedCase {
  const char* name;
  const char* request;  // text format
  grpc::StatusCode code;
  const char* message;
};

const MalformedCase kMalformed[] = {
    {"NothingAtAll", "", grpc::StatusCode::INVALID_ARGUMENT, "says nothing"},
    {"AckFirst", "ack { nonce: 1 }", grpc::StatusCode::INVALID_ARGUMENT, "must be a Hello"},
    {"ReportFirst", "report {}", grpc::StatusCode::INVALID_ARGUMENT, "must be a Hello"},
    {"NoNode", "hello { protocol_version: 1 }", grpc::StatusCode::INVALID_ARGUMENT, "hello.node is empty"},
    {"OtherVersion", "hello { protocol_version: 2 node: 'n1' }", grpc::StatusCode::FAILED_PRECONDITION,
     "version 2"},
    {"UnknownNode", "hello { protocol_version: 1 node: 'n9' }", grpc::StatusCode::NOT_FOUND, "no Node n9"},
    {"UnknownKind", "hello { protocol_version: 1 node: 'n1' held { name: 'x' } }",
     grpc::StatusCode::INVALID_ARGUMENT, "hello.held[0].kind"},
    {"BadAddress", "hello { protocol_version: 1 node: 'n1' endpoints { pod_uid: 'u' addresses: '123' } }",
     grpc::StatusCode::INVALID_ARGUMENT, "must have 4 or 16"},
    {"EndpointOfNoPod", "hello { protocol_version: 1 node: 'n1' endpoints { sandbox: 's' } }",
     grpc::StatusCode::INVALID_ARGUMENT, "names no pod"},
    {"Watermark", "hello { protocol_version: 1 node: 'n1' watermark: 18446744073709551615 }",
     grpc::StatusCode::INVALID_ARGUMENT, "watermark"},
};

TEST_F(SyncTest, MalformedFirstMessagesEndTheStreamWithTheReason) {
  for (const MalformedCase& bad : kMalformed) {
    SCOPED_TRACE(bad.name);
    pb::SyncRequest request;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(bad.request, &request));
    TestAgent agent = Agent("n1");
    agent.Send(request);
    EXPECT_FALSE(agent.Read());
    grpc::Status status = agent.Finish();
    EXPECT_EQ(status.error_code(), bad.code) << status.error_message();
    EXPECT_THAT(status.error_message(), HasSubstr(bad.message));
  }
  // None of this disturbs anybody.
  TestAgent agent = Agent("n1");
  agent.Hello();
  EXPECT_TRUE(agent.SyncUp());
}

TEST_F(SyncTest, WrongNonceEndsTheStream) {
  TestAgent agent = Agent("n1");
  agent.Hello();
  std::optional<pb::SyncResponse> push = agent.Read();
  ASSERT_TRUE(push);
  agent.Ack(push->nonce() + 1);
  EXPECT_FALSE(agent.Read());
  EXPECT_EQ(agent.Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(SyncTest, SecondHelloEndsTheStream) {
  TestAgent agent = Agent("n1");
  agent.Hello();
  ASSERT_TRUE(agent.SyncUp());
  agent.Hello();
  EXPECT_FALSE(agent.Read());
  EXPECT_EQ(agent.Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(SyncTest, BytesThatAreNoProtobufEndTheirStreamOnly) {
  grpc::GenericStub stub(controller_->Connect());
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  auto call = stub.PrepareCall(&context, "/fairlead.control.v1.ControlApi/Sync", &queue);
  void* tag = nullptr;
  bool ok = false;
  call->StartCall(nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok));
  grpc::Slice slice(std::string(1000, '\xff'));
  call->Write(grpc::ByteBuffer(&slice, 1), nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok));
  grpc::Status status;
  call->Finish(&status, nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);

  TestAgent agent = Agent("n1");
  agent.Hello();
  EXPECT_TRUE(agent.SyncUp());
}

}  // namespace
}  // namespace fairlead::controller
