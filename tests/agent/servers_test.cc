// gRPC and HTTP as clients see them, over a datapath without a kernel.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <thread>

#include "agent/grpc_server.h"
#include "agent/monitoring.h"
#include "api/introspect.grpc.pb.h"
#include "api/observer.grpc.pb.h"
#include "base/http_server.h"
#include "base/unique_fd.h"
#include "datapath/fake_datapath.h"
#include "grpcpp/create_channel.h"
#include "tests/agent/resources.h"
#include "tests/agent/scratch_folder.h"

namespace fairlead::agent {
namespace {

namespace pb = introspect::v1;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class OnePod : public EndpointSource {
 public:
  std::vector<datapath::LocalEndpoint> Endpoints() const override {
    datapath::LocalEndpoint endpoint;
    endpoint.key = "sandbox-1/eth0";
    endpoint.pod_uid = "uid-1";
    endpoint.namespace_name = "shop";
    endpoint.pod_name = "cart-0";
    endpoint.addresses = {Address("10.244.1.5")};
    return {endpoint};
  }
  std::vector<PoolUsage> Pools() const override { return {{Prefix("10.244.1.0/24"), 1, 252, 1}}; }
  void SetPodCidrs(const std::vector<IpPrefix>&) override {}
  void OnApplied() override {}
  absl::Status Reconcile() override { return absl::OkStatus(); }
};

// Some 6 MB on the wire: more than what is on its way to a client that does not read.
constexpr uint32_t kManyConnections = 20'000;
constexpr uint32_t kLongestRead = 4096;
constexpr std::chrono::minutes kPatience(10);  // ThreadSanitizer on a busy machine

class ServersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    agent_.SetEndpoints(&pods_);
    agent_.Start();
    http_ = Listen("127.0.0.1:0").value();
    thread_ = std::thread([this] { loop_->Run(); });
    grpc_ = GrpcServer::Start(folder_ / "agent.sock", "test", loop_.get(), &agent_).value();
    auto channel =
        grpc::CreateChannel("unix:" + (folder_ / "agent.sock"), grpc::InsecureChannelCredentials());
    introspect_ = pb::Introspect::NewStub(channel);
    observer_ = observer::v1::Observer::NewStub(channel);
    context_.set_deadline(std::chrono::system_clock::now() + kPatience);
  }
  void TearDown() override {
    grpc_.reset();
    loop_->Stop();
    thread_.join();
    http_.reset();
  }

  absl::StatusOr<std::unique_ptr<HttpServer>> Listen(const std::string& listen) {
    return HttpServer::Listen(listen, "--metrics-listen", loop_.get(), [this](const std::string& path) {
      return MonitoringPage(agent_, "test", path);
    });
  }
  void OnLoop(const std::function<void()>& act) {
    ASSERT_TRUE(loop_->Call<int>(kPatience, [&act] { return act(), 0; }).ok());
  }
  uint64_t Counted(uint64_t datapath::FakeDatapath::* counter) {
    uint64_t count = 0;
    OnLoop([&] { count = datapath_.*counter; });
    return count;
  }
  void PushBasics() {
    OnLoop([this] {
      Push push;
      push.complete = true;
      push.watermark = 3;
      push.changes = {ConfigOf("node-1"), GroupOf("g", {"10.0.0.1/32"}), SetOf("s", "g"),
                      PodOf("uid-1", "cart-0", "s"), ServiceOf("cart", {"10.244.1.5"})};
      EXPECT_TRUE(agent_.OnPush(std::move(push)).empty());
    });
  }

  // Each of the pod cart-0; `bytes` tells them apart.
  void FillConntrack() {
    OnLoop([this] {
      const datapath::Connection connection{.protocol = 6,
                                            .client = Address("10.244.1.5"),
                                            .server = Address("2001:db8::1"),
                                            .translated = true,
                                            .translated_client = Address("2001:db8::2"),
                                            .translated_server = Address("2001:db8::3"),
                                            .service = std::string(200, 's')};
      datapath_.connections.assign(kManyConnections, connection);
      for (uint32_t i = 0; i < kManyConnections; ++i) datapath_.connections[i].bytes = i;
    });
  }

  std::string Get(const std::string& path) {
    return Ask("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  }
  std::string Ask(const std::string& request) {
    const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{.sin_family = AF_INET, .sin_port = htons(static_cast<uint16_t>(http_->port()))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0) return "no connection";
    if (::send(fd.get(), request.data(), request.size(), 0) < 0) return "cannot send";
    std::string answer;
    char buffer[4096];
    for (ssize_t got = 1; got > 0;) {
      got = ::recv(fd.get(), buffer, sizeof(buffer), 0);
      if (got > 0) answer.append(buffer, static_cast<size_t>(got));
    }
    return answer;
  }

  ScratchFolder folder_;
  std::unique_ptr<EventLoop> loop_ = EventLoop::Create().value();
  datapath::FakeDatapath datapath_;
  OnePod pods_;
  NodeAgent agent_{
      {.node = "node-1", .state_file = folder_ / "last-good"}, loop_.get(), &datapath_, &SystemClock()};
  std::thread thread_;
  std::unique_ptr<GrpcServer> grpc_;
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<pb::Introspect::Stub> introspect_;
  std::unique_ptr<observer::v1::Observer::Stub> observer_;
  grpc::ClientContext context_;
};

TEST_F(ServersTest, TheSocketIsForRootOnly) {
  struct stat info{};
  ASSERT_EQ(::stat((folder_ / "agent.sock").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(ServersTest, StatusTellsWhatIsMissing) {
  pb::StatusReply reply;
  ASSERT_TRUE(introspect_->Status(&context_, {}, &reply).ok());
  EXPECT_FALSE(reply.ready());
  EXPECT_EQ(reply.ipv4_pool().free(), 252u);
  PushBasics();
  grpc::ClientContext again;
  ASSERT_TRUE(introspect_->Status(&again, {}, &reply).ok());
  EXPECT_TRUE(reply.ready());
  EXPECT_EQ(reply.watermark(), 3u);
}

TEST_F(ServersTest, EndpointsNameTheirPolicies) {
  PushBasics();
  pb::EndpointsReply reply;
  ASSERT_TRUE(introspect_->Endpoints(&context_, {}, &reply).ok());
  ASSERT_EQ(reply.endpoints_size(), 1);
  EXPECT_EQ(reply.endpoints(0).sandbox(), "sandbox-1");
  EXPECT_EQ(reply.endpoints(0).state(), "ready");
  ASSERT_EQ(reply.endpoints(0).ingress_policies_size(), 1);
  EXPECT_EQ(reply.endpoints(0).ingress_policies(0), "shop/s");
}

TEST_F(ServersTest, PoliciesTellWhomTheySelectAndTheirRules) {
  PushBasics();
  pb::PoliciesReply reply;
  ASSERT_TRUE(introspect_->Policies(&context_, {}, &reply).ok());
  ASSERT_EQ(reply.policies_size(), 1);
  EXPECT_TRUE(reply.policies(0).realised());
  EXPECT_EQ(reply.policies(0).endpoints(0), "shop/cart-0");
  ASSERT_EQ(reply.sets(0).rules_size(), 2);
  EXPECT_EQ(reply.sets(0).rules(1).action(), "deny");
}

TEST_F(ServersTest, ServicesAreListedByFrontEnd) {
  PushBasics();
  pb::ServicesReply reply;
  ASSERT_TRUE(introspect_->Services(&context_, {}, &reply).ok());
  ASSERT_EQ(reply.services_size(), 1);
  EXPECT_EQ(reply.services(0).type(), "ClusterIP");
  EXPECT_EQ(reply.services(0).backends(0).pod(), "shop/cart-0");
}

TEST_F(ServersTest, WhyGivesTheSmallestChange) {
  PushBasics();
  OnLoop([this] {
    datapath_.explanation = {
        .allowed = false,
        .reason = "denied by ingress policy",
        .stages = {{"ingress policy", false, "rule 1", "policy_set[1]"}},
        .origin = policy::RuleOrigin{"NetworkPolicy", "", "", "default deny", {"shop/s"}},
        .source = Address("192.0.2.9"),
        .destination = Address("10.244.1.5"),
        .destination_port = 8080};
  });
  pb::WhyRequest request;
  request.set_source("192.0.2.9");
  request.set_destination("shop/cart-0");
  request.set_port(8080);
  pb::WhyReply reply;
  ASSERT_TRUE(introspect_->Why(&context_, request, &reply).ok());
  EXPECT_EQ(reply.verdict(), observer::v1::DROPPED);
  EXPECT_EQ(reply.origin().place(), "default deny");
  EXPECT_THAT(reply.remedy(), HasSubstr("an ingress rule for TCP port 8080 from 192.0.2.9"));
  EXPECT_THAT(reply.remedy(), HasSubstr("selects shop/cart-0"));
}

TEST_F(ServersTest, WhySaysWhatItDoesNotKnow) {
  PushBasics();
  pb::WhyRequest request;
  request.set_source("shop/nobody");
  request.set_destination("shop/cart-0");
  pb::WhyReply reply;
  const grpc::Status status = introspect_->Why(&context_, request, &reply);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("shop/nobody"));
}

TEST_F(ServersTest, ConntrackIsFilteredAndNamed) {
  PushBasics();
  OnLoop([this] {
    datapath_.connections = {
        {.protocol = 6, .client = Address("10.244.1.5"), .server = Address("192.0.2.9"), .server_port = 443},
        {.protocol = 17, .client = Address("10.244.1.5"), .server = Address("192.0.2.9"), .server_port = 53}};
  });
  pb::ConntrackRequest request;
  request.mutable_filter()->set_protocol(17);
  auto reader = introspect_->Conntrack(&context_, request);
  pb::ConntrackEntry entry;
  ASSERT_TRUE(reader->Read(&entry));
  EXPECT_EQ(entry.destination_port(), 53u);
  EXPECT_EQ(entry.source_name(), "shop/cart-0");
  EXPECT_FALSE(reader->Read(&entry));
}

TEST_F(ServersTest, AFullConntrackIsReadInSteps) {
  PushBasics();
  FillConntrack();
  auto reader = introspect_->Conntrack(&context_, {});
  pb::ConntrackEntry entry;
  uint32_t expected = 0;
  while (reader->Read(&entry)) {
    ASSERT_EQ(entry.bytes(), expected) << "every connection once, in the table's order";
    ++expected;
  }
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(expected, kManyConnections);
  EXPECT_LE(Counted(&datapath::FakeDatapath::longest_read), kLongestRead);
}

TEST_F(ServersTest, AClientThatDoesNotReadConntrackHoldsNothingUp) {
  PushBasics();
  FillConntrack();
  auto reader = introspect_->Conntrack(&context_, {});
  pb::ConntrackEntry entry;
  ASSERT_TRUE(reader->Read(&entry));
  grpc::ClientContext meanwhile;
  meanwhile.set_deadline(std::chrono::system_clock::now() + kPatience);
  pb::StatusReply reply;
  EXPECT_TRUE(introspect_->Status(&meanwhile, {}, &reply).ok());
  context_.TryCancel();
  while (reader->Read(&entry)) continue;
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  grpc_.reset();  // the server's end is over as well
  EXPECT_LT(Counted(&datapath::FakeDatapath::connections_read), kManyConnections)
      << "what nobody reads is not made ready";
}

TEST_F(ServersTest, EndpointsCountTheirConnectionsInSteps) {
  PushBasics();
  FillConntrack();
  pb::EndpointsReply reply;
  ASSERT_TRUE(introspect_->Endpoints(&context_, {}, &reply).ok());
  ASSERT_EQ(reply.endpoints_size(), 1);
  EXPECT_EQ(reply.endpoints(0).connections(), kManyConnections);
  EXPECT_LE(Counted(&datapath::FakeDatapath::longest_read), kLongestRead);
}

TEST_F(ServersTest, FlowsGiveTheLastAndThenFollow) {
  auto add = [this](uint16_t port) {
    OnLoop([this, port] {
      datapath::FlowEvent event;
      event.reason = "forwarded";
      event.destination_port = port;
      agent_.flows().Add(event, 1);
    });
  };
  add(1);
  add(2);
  observer::v1::FlowsRequest request;
  request.set_last(1);
  request.set_follow(true);
  auto reader = observer_->Flows(&context_, request);
  observer::v1::Flow flow;
  ASSERT_TRUE(reader->Read(&flow));
  EXPECT_EQ(flow.destination_port(), 2u);
  EXPECT_EQ(flow.node(), "node-1");
  add(3);
  ASSERT_TRUE(reader->Read(&flow));
  EXPECT_EQ(flow.destination_port(), 3u);
  context_.TryCancel();
  EXPECT_FALSE(reader->Read(&flow));
}

TEST_F(ServersTest, FlowsRefuseABadFilter) {
  observer::v1::FlowsRequest request;
  request.mutable_filter()->set_address("12345");
  auto reader = observer_->Flows(&context_, request);
  observer::v1::Flow flow;
  EXPECT_FALSE(reader->Read(&flow));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ServersTest, HttpTellsHealthAndReadiness) {
  EXPECT_THAT(Get("/healthz"), StartsWith("HTTP/1.1 200"));
  const std::string waiting = Get("/readyz");
  EXPECT_THAT(waiting, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(waiting, HasSubstr("is there a Node object of this name?"));
  PushBasics();
  EXPECT_THAT(Get("/readyz"), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServersTest, MetricsCountWhatTheNodeHolds) {
  PushBasics();
  const std::string text = Get("/metrics");
  EXPECT_THAT(text, HasSubstr("fairlead_agent_ready 1"));
  EXPECT_THAT(text, HasSubstr("fairlead_agent_endpoints 1"));
  EXPECT_THAT(text, HasSubstr("fairlead_agent_addresses{cidr=\"10.244.1.0/24\",state=\"cooling\"} 1"));
  EXPECT_THAT(text, HasSubstr("fairlead_agent_pushes_total{result=\"taken\"} 1"));
}

TEST_F(ServersTest, HttpRefusesWhatItDoesNotServe) {
  EXPECT_THAT(Get("/secret"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(Ask("POST /metrics HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 405"));
  EXPECT_THAT(Ask("nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(Ask("GET /" + std::string(9000, 'x')), StartsWith("HTTP/1.1 431"));
}

TEST_F(ServersTest, ABadMetricsAddressIsNamed) {
  for (const std::string& listen : {"127.0.0.1:" + std::to_string(http_->port()), std::string("localhost:80"),
                                    std::string("9964"), std::string("127.0.0.1:99999")}) {
    auto second = Listen(listen);
    EXPECT_THAT(std::string(second.status().message()), HasSubstr("--metrics-listen"));
  }
}

}  // namespace
}  // namespace fairlead::agent
