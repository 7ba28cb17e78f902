// What the controller tells people and the lab: Status, Names, Workloads.
#include <gmock/gmock.h>
#include <grpcpp/channel.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "api/introspect.grpc.pb.h"
#include "api/workloads.grpc.pb.h"
#include "tests/controller/manifests.h"
#include "tests/controller/test_agent.h"
#include "tests/controller/test_controller.h"

namespace fairlead::controller {
namespace {

namespace pb = introspect::v1;
using ::testing::HasSubstr;

class IntrospectTest : public ::testing::Test {
 protected:
  IntrospectTest() {
    folder_.Put("nodes.yaml", NodeYaml("n1", 1) + NodeYaml("n2", 2));
    folder_.Put("shop.yaml", PodYaml("web-1", "n1") + ServiceYaml("web"));
    controller_.emplace(folder_.path());
    stub_ = pb::Introspect::NewStub(controller_->Connect());
  }

  pb::StatusReply Status() {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    pb::StatusReply reply;
    grpc::Status status = stub_->Status(&context, {}, &reply);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return reply;
  }
  // The first status that is as wanted, or the last one after a while.
  pb::StatusReply StatusWhen(const std::function<bool(const pb::StatusReply&)>& wanted) {
    auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    pb::StatusReply reply = Status();
    while (!wanted(reply) && std::chrono::steady_clock::now() < deadline) reply = Status();
    return reply;
  }
  // "n1 LATE" of the policy as the folder has it now; why it is refused; that there is none.
  std::string Realised(const std::string& policy) {
    pb::RealisedRequest request;
    request.set_kind("NetworkPolicy");
    request.set_namespace_("shop");
    request.set_name(policy);
    const auto deadline = std::chrono::system_clock::now() + std::chrono::seconds(60);
    pb::RealisedReply reply;
    while (!reply.reached()) {
      grpc::ClientContext context;
      context.set_deadline(deadline);
      const grpc::Status status = stub_->Realised(&context, request, &reply);
      if (!status.ok()) return status.error_message();
    }
    if (!reply.refused().empty()) return reply.refused();
    if (!reply.exists()) return "there is none";
    std::vector<std::string> nodes;
    for (const auto& node : reply.nodes())
      nodes.push_back(absl::StrCat(node.node(), " ", pb::RealisedNode::State_Name(node.state())));
    return absl::StrJoin(nodes, ", ");
  }
  pb::NamesReply Names(const std::vector<std::string>& addresses) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    pb::NamesRequest request;
    for (const std::string& address : addresses) request.add_addresses(IpAddress::Parse(address)->ToBytes());
    pb::NamesReply reply;
    EXPECT_TRUE(stub_->Names(&context, request, &reply).ok());
    return reply;
  }

  ScratchFolder folder_;
  std::optional<TestController> controller_;
  std::unique_ptr<pb::Introspect::Stub> stub_;
};

TEST_F(IntrospectTest, StatusNamesWhatIsRefusedWithItsPlaceAndReason) {
  EXPECT_EQ(Status().role(), "controller");
  EXPECT_EQ(Status().rejected_size(), 0);
  folder_.Put("bad.yaml",
              "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: n, namespace: shop}\n"
              "spec:\n  policyTypes: [Ingres]\n");
  pb::StatusReply status = StatusWhen([](const auto& reply) { return reply.rejected_size() > 0; });
  ASSERT_EQ(status.rejected_size(), 1);
  EXPECT_EQ(status.rejected(0).object(), "NetworkPolicy shop/n");
  EXPECT_THAT(status.rejected(0).where(), HasSubstr("bad.yaml:5"));
  EXPECT_THAT(status.rejected(0).message(), HasSubstr("spec.policyTypes[0]: must be Ingress or Egress"));
  folder_.Remove("bad.yaml");
  EXPECT_EQ(StatusWhen([](const auto& reply) { return reply.rejected_size() == 0; }).rejected_size(), 0);
}

TEST_F(IntrospectTest, StatusNamesWhatIsInForceAndNotServed) {
  const auto unserved = [](const pb::StatusReply& reply) -> std::string {
    for (const pb::Condition& condition : reply.conditions()) {
      if (condition.type() == "FieldsServed" && !condition.ok()) return condition.message();
    }
    return "";
  };
  EXPECT_EQ(unserved(Status()), "");
  folder_.Put("shop.yaml", PodYaml("web-1", "n1") + ServiceYaml("web") +
                               "---\napiVersion: v1\nkind: Service\nmetadata: {name: out, namespace: shop}\n"
                               "spec:\n  externalIPs: [192.0.2.1]\n  ports: [{port: 80}]\n");
  pb::StatusReply status = StatusWhen([&](const auto& reply) { return !unserved(reply).empty(); });
  EXPECT_THAT(unserved(status), HasSubstr("Service shop/out ("));
  EXPECT_THAT(unserved(status), HasSubstr("shop.yaml:18) spec.externalIPs: is not served"));
  EXPECT_EQ(status.rejected_size(), 0);
}

TEST_F(IntrospectTest, StatusShowsTheSettingsInForce) {
  const auto settings = [](const pb::StatusReply& reply) -> std::string {
    for (const pb::Condition& condition : reply.conditions()) {
      if (condition.type() == "SettingsInForce") return condition.message();
    }
    return "";
  };
  EXPECT_THAT(settings(Status()), HasSubstr("masquerade false; nativeCIDRs none"));
  folder_.Put("config.yaml", ConfigYaml("nativeCIDRs: [10.0.0.0/8, \"fd00::/8\"]"));
  const auto changed = [&](const auto& reply) {
    return !absl::StrContains(settings(reply), "nativeCIDRs none");
  };
  EXPECT_THAT(settings(StatusWhen(changed)), HasSubstr("nativeCIDRs 10.0.0.0/8,fd00::/8 (FairleadConfig)"));
}

TEST_F(IntrospectTest, StatusShowsAgentsAndWhatTheyRefuse) {
  TestAgent agent(controller_->Connect(), "n1");
  agent.Hello();
  std::optional<control::v1::SyncResponse> push = agent.Read();
  ASSERT_TRUE(push);
  agent.Nack(push->nonce(), {{control::v1::SERVICE, "shop/web"}});
  ASSERT_TRUE(agent.SyncUp());
  pb::StatusReply status = StatusWhen([](const auto& reply) {
    return reply.agents_size() == 2 && reply.agents(0).acked_watermark() == reply.watermark();
  });
  ASSERT_EQ(status.agents_size(), 2);
  EXPECT_EQ(status.agents(0).node(), "n1");
  EXPECT_TRUE(status.agents(0).connected());
  ASSERT_EQ(status.agents(0).errors_size(), 1);
  EXPECT_EQ(status.agents(0).errors(0).name(), "shop/web");
  EXPECT_FALSE(status.agents(1).connected());
  agent.Finish();
  status = StatusWhen([](const auto& reply) { return !reply.agents(0).connected(); });
  EXPECT_FALSE(status.agents(0).connected());
}

TEST_F(IntrospectTest, RealisedTellsWhichNodesHoldAPolicy) {
  TestAgent agent(controller_->Connect(), "n1");
  agent.Hello();
  ASSERT_TRUE(agent.SyncUp());
  folder_.Put("y.yaml", PolicyYaml("y", "web", "web"));
  EXPECT_EQ(Realised("y"), "n1 LATE");
  ASSERT_TRUE(agent.Take());
  // The question comes by another stream than the agent's word, and may be there first.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (Realised("y") == "n1 LATE" && std::chrono::steady_clock::now() < end) continue;
  EXPECT_EQ(Realised("y"), "n1 REALISED");
  EXPECT_EQ(Realised("none"), "there is none");
  folder_.Put("y.yaml", PolicyYaml("y", "web", "web") + "  policyTypes: [Ingres]\n");
  EXPECT_THAT(Realised("y"), HasSubstr("must be Ingress or Egress"));
}

TEST_F(IntrospectTest, RealisedIsOfPoliciesAndServices) {
  pb::RealisedRequest request;
  request.set_kind("Pod");
  pb::RealisedReply reply;
  grpc::ClientContext context;
  const grpc::Status status = stub_->Realised(&context, request, &reply);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("NetworkPolicy and Service are known"));
}

TEST_F(IntrospectTest, StatusOnceSettledReflectsAllThatWasWritten) {
  for (int round = 0; round < 20; ++round) {
    const std::string name = absl::StrCat("round-", round);
    folder_.Put("round.yaml", absl::StrCat("apiVersion: v1\nkind: Service\nmetadata: {name: ", name,
                                           "}\nspec: {ports: [{port: 0}]}\n"));
    const pb::StatusReply status = StatusWhen([](const auto& reply) { return reply.settled(); });
    ASSERT_EQ(status.rejected_size(), 1);
    EXPECT_THAT(status.rejected(0).object(), HasSubstr(name));
  }
}

TEST_F(IntrospectTest, StatusNamesAddressesThatCountForNothing) {
  TestAgent agent(controller_->Connect(), "n1");
  agent.Hello({EndpointOf("uid-web-1", "s", "10.9.9.9", 1)});
  ASSERT_TRUE(agent.SyncUp());
  const pb::StatusReply status = Status();
  for (const pb::Condition& condition : status.conditions()) {
    if (condition.type() != "AddressesAccepted") continue;
    EXPECT_FALSE(condition.ok());
    EXPECT_EQ(condition.message(), "10.9.9.9 of shop/web-1 is outside of the podCIDRs of Node n1");
    return;
  }
  ADD_FAILURE() << "no condition AddressesAccepted";
}

TEST_F(IntrospectTest, NamesFollowReports) {
  TestAgent agent(controller_->Connect(), "n1");
  agent.Hello({EndpointOf("uid-web-1", "s", "10.244.1.5", 1)});
  ASSERT_TRUE(agent.SyncUp());
  pb::NamesReply names = Names({"10.244.1.5", "172.31.0.12", "10.99.99.99"});
  ASSERT_EQ(names.names_size(), 2);
  EXPECT_EQ(names.names(0).kind(), "pod");
  EXPECT_EQ(names.names(0).name(), "shop/web-1");
  EXPECT_EQ(names.names(0).node(), "n1");
  EXPECT_EQ(names.names(0).labels().at("app"), "web");
  ASSERT_EQ(names.names(0).ports_size(), 1);
  EXPECT_EQ(names.names(0).ports(0).port(), 8080U);
  EXPECT_EQ(names.names(1).kind(), "node");
  EXPECT_EQ(Names({}).names_size(), 4);  // the pod, the Service, two nodes
}

TEST_F(IntrospectTest, AHeadlessServiceIsANameOfItsPods) {
  folder_.Put("headless.yaml",
              "apiVersion: v1\nkind: Service\nmetadata: {name: webs, namespace: shop}\n"
              "spec: {clusterIP: None, selector: {app: web}}\n");
  TestAgent agent(controller_->Connect(), "n1");
  agent.Hello({EndpointOf("uid-web-1", "s", "10.244.1.5", 1)});
  ASSERT_TRUE(agent.SyncUp());
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  pb::NamesReply names = Names({"10.244.1.5"});
  while (names.names_size() < 3 && std::chrono::steady_clock::now() < deadline) names = Names({"10.244.1.5"});
  ASSERT_EQ(names.names_size(), 3);
  EXPECT_EQ(names.names(0).kind(), "pod");
  EXPECT_EQ(names.names(1).kind(), "headless");
  EXPECT_EQ(names.names(1).name(), "shop/webs");
  EXPECT_EQ(names.names(2).name(), "shop/web-1.webs");
}

TEST_F(IntrospectTest, WorkloadsAreTheWholePictureAfterEveryChange) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  auto watch = workloads::v1::Workloads::NewStub(controller_->Connect())->Watch(&context, {});
  workloads::v1::Snapshot snapshot;
  ASSERT_TRUE(watch->Read(&snapshot));
  uint64_t first = snapshot.watermark();
  EXPECT_EQ(first, Status().watermark());
  ASSERT_EQ(snapshot.pods_size(), 1);
  const workloads::v1::Workload& pod = snapshot.pods(0);
  EXPECT_EQ(pod.name(), "web-1");
  EXPECT_EQ(pod.uid(), "uid-web-1");
  EXPECT_EQ(pod.node(), "n1");
  EXPECT_EQ(pod.containers(0).ports(0).protocol(), 6U);
  folder_.Put("shop.yaml", PodYaml("web-1", "n1") + PodYaml("web-2", "n2"));
  ASSERT_TRUE(watch->Read(&snapshot));
  EXPECT_GT(snapshot.watermark(), first);
  EXPECT_EQ(snapshot.pods_size(), 2);
  context.TryCancel();
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

}  // namespace
}  // namespace fairlead::controller
