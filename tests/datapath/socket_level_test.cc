// Services at the socket: what connect(), sendmsg() and recvmsg() of pods make of them, and what becomes of
// their connections when a backend goes.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>

#include "tests/datapath/lab_node.h"

namespace fairlead::datapath {
namespace {

using testing::HasSubstr;

constexpr uint16_t kPort = 8080, kServicePort = 80;
constexpr int kDeadlineMs = 5000;

struct End {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

End EndOf(const IpAddress& address, uint16_t port) {
  End end;
  const std::string bytes = address.ToBytes();
  if (address.is_v4()) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&end.storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    memcpy(&v4->sin_addr, bytes.data(), bytes.size());
    end.size = sizeof(*v4);
  } else {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&end.storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    memcpy(&v6->sin6_addr, bytes.data(), bytes.size());
    end.size = sizeof(*v6);
  }
  return end;
}

bool Connect(int fd, const IpAddress& address, uint16_t port) {
  const End to = EndOf(address, port);
  return connect(fd, reinterpret_cast<const sockaddr*>(&to.storage), to.size) == 0;
}

std::string Words(const sockaddr_storage& storage) {
  char text[INET6_ADDRSTRLEN] = "";
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof(text));
    return std::string(text) + " " + std::to_string(ntohs(v4.sin_port));
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
  inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof(text));
  return std::string(text) + " " + std::to_string(ntohs(v6.sin6_port));
}

std::string Words(const IpAddress& address, uint16_t port) {
  return address.ToString() + " " + std::to_string(port);
}

std::string PeerOf(int fd) {
  End end;
  end.size = sizeof(end.storage);
  getpeername(fd, reinterpret_cast<sockaddr*>(&end.storage), &end.size);
  return Words(end.storage);
}

// The error that the kernel has for the socket, 0 when it has none in time.
int ErrorOf(int fd) {
  pollfd waiting{fd, POLLIN, 0};
  if (poll(&waiting, 1, kDeadlineMs) != 1) return 0;
  char byte;
  return recv(fd, &byte, 1, MSG_DONTWAIT) < 0 ? errno : 0;
}

// The parameter: IPv6?
class SocketLevelTest : public ::testing::TestWithParam<bool> {
 protected:
  static void SetUpTestSuite() {
    static const bool once = (BecomeNode(), true);
    (void)once;
  }

  void SetUp() override {
    options_.pin_dir = BpfDir() + "/fairlead";
    options_.max_connections = 1 << 12;
    options_.cgroup_dir = cgroup_.path();
    auto opened = Datapath::Open(options_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    datapath_ = *std::move(opened);
    node_ = std::make_unique<LabNode>();
    int number = 0;
    for (const char* name : {"a", "b", "c"}) {
      const LabPod& pod = node_->AddPod(name, ++number);
      const absl::Status attached = datapath_->AttachPod(pod.endpoint.ifindex);
      ASSERT_TRUE(attached.ok()) << attached;
    }
    state_ = node_->OpenState();
    state_.settings.socket_balancing = true;
  }

  void TearDown() override {
    datapath_.reset();
    EXPECT_TRUE(RemoveAll(options_).ok());
    for (const char* name : {"a", "b", "c"}) node_->RemovePod(name);
  }

  IpAddress Pod(const std::string& name) { return node_->pod(name).endpoint.addresses[GetParam() ? 1 : 0]; }
  int Netns(const std::string& name) { return node_->pod(name).netns.get(); }
  IpAddress Vip() const { return *IpAddress::Parse(GetParam() ? "fd00:10:96::9" : "10.96.0.9"); }

  // TCP and UDP of the Service at Vip(), served by `pods`.
  void Serve(const std::vector<std::string>& pods) {
    Service service{.namespace_name = "test", .name = "web", .cluster_ips = {Vip()}};
    for (const uint8_t protocol : {uint8_t{IPPROTO_TCP}, uint8_t{IPPROTO_UDP}}) {
      ServicePort port{.name = "web", .protocol = protocol, .port = kServicePort};
      for (const std::string& pod : pods) {
        port.backends.push_back({.address = Pod(pod), .port = kPort, .pod = "test/" + pod, .node = "node-1"});
      }
      service.ports.push_back(port);
    }
    state_.services["test/web"] = service;
    Apply();
  }

  void Apply() {
    auto report = datapath_->Apply(state_, false);
    ASSERT_TRUE(report.ok() && report->failures.empty());
  }

  struct Pair {
    UniqueFd client, server;
  };

  // A TCP connection of pod a's that carries data both ways.
  Pair Establish(const IpAddress& to, uint16_t port, const std::string& server_pod) {
    const UniqueFd listener = ListenTcp(Netns(server_pod), Pod(server_pod), kPort);
    Pair pair;
    pair.client = ConnectTcp(Netns("a"), to, port);
    if (pair.client.valid()) pair.server = AcceptTcp(listener.get());
    EXPECT_TRUE(pair.server.valid());
    EXPECT_TRUE(Carries(pair));
    return pair;
  }

  static bool Carries(const Pair& pair) {
    return send(pair.client.get(), "ask", 3, MSG_NOSIGNAL) == 3 && Receive(pair.server.get()) == "ask" &&
           send(pair.server.get(), "answer", 6, MSG_NOSIGNAL) == 6 && Receive(pair.client.get()) == "answer";
  }

  // What becomes of a connect() to the Service: of the node's own, or of pod a's.
  Explanation Explain(bool own) {
    const IpAddress source = own ? node_->Address(!GetParam()) : Pod("a");
    const auto answer =
        datapath_->Explain({.source = source, .destination = Vip(), .destination_port = kServicePort});
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? *answer : Explanation{};
  }
  UniqueFd ConnectToService(bool own, int timeout_ms = kPatienceMs) {
    return ConnectTcp(own ? -1 : Netns("a"), Vip(), kServicePort, timeout_ms);
  }

  LabCgroup cgroup_;
  Options options_;
  std::unique_ptr<Datapath> datapath_;
  std::unique_ptr<LabNode> node_;
  DesiredState state_;
};

TEST_P(SocketLevelTest, TheSocketBelievesToTalkToTheServiceAndItsPacketsBearTheBackendsAddress) {
  Serve({"b"});
  const Pair pair = Establish(Vip(), kServicePort, "b");
  EXPECT_EQ(PeerOf(pair.client.get()), Words(Vip(), kServicePort));
  int connections = 0;
  ASSERT_TRUE(datapath_
                  ->ReadConnections(0, options_.max_connections,
                                    [&](const Connection& connection) {
                                      ++connections;
                                      EXPECT_FALSE(connection.translated);
                                      EXPECT_EQ(connection.server, Pod("b"));
                                    })
                  .ok());
  EXPECT_EQ(connections, 1);
}

std::vector<std::string> StagesOf(const Explanation& explanation) {
  std::vector<std::string> names;
  for (const ExplainStage& stage : explanation.stages) names.push_back(stage.name);
  return names;
}

TEST_P(SocketLevelTest, ExplainTellsWhatAConnectFindsAndTheWayFromThere) {
  Serve({"b", "c"});
  const UniqueFd b = ListenTcp(Netns("b"), Pod("b"), kPort), c = ListenTcp(Netns("c"), Pod("c"), kPort);
  for (const bool own : {true, false}) {
    const Explanation answer = Explain(own);
    EXPECT_TRUE(answer.allowed) << answer.reason;
    const std::vector<std::string> stages = StagesOf(answer);
    ASSERT_GT(stages.size(), 1u) << "the node's own: " << own;
    EXPECT_EQ(stages.front(), "socket level");
    EXPECT_EQ(stages.back(), "route");
    EXPECT_THAT(stages, testing::Not(testing::Contains("service")));
    const std::string& detail = answer.stages.front().detail;
    EXPECT_THAT(detail, HasSubstr("connect() finds service test/web ("));
    EXPECT_THAT(detail, HasSubstr("one of 2: "));
    for (const char* pod : {"b", "c"}) EXPECT_THAT(detail, HasSubstr(Pod(pod).ToString()));
    EXPECT_TRUE(answer.destination == Pod("b") || answer.destination == Pod("c"));
    EXPECT_EQ(answer.destination_port, kPort);
    EXPECT_TRUE(ConnectToService(own).valid());
  }
}

TEST_P(SocketLevelTest, ExplainRefusesWhatConnectRefuses) {
  Serve({});
  for (const bool own : {true, false}) {
    const Explanation answer = Explain(own);
    EXPECT_FALSE(answer.allowed);
    EXPECT_EQ(answer.reason, "service has no endpoints");
    EXPECT_THAT(StagesOf(answer), testing::ElementsAre("socket level"));
    EXPECT_FALSE(ConnectToService(own).valid());
    EXPECT_EQ(errno, ECONNREFUSED) << "the node's own: " << own;
  }
}

TEST_P(SocketLevelTest, WhereNoServiceIsTheNodesOwnAreRefusedAtOnce) {
  state_.settings.service_cidrs = {*IpPrefix::Parse("10.96.0.0/16"), *IpPrefix::Parse("fd00:10:96::/112")};
  state_.services.clear();
  Apply();
  const Explanation answer = Explain(true);
  EXPECT_FALSE(answer.allowed);
  EXPECT_EQ(answer.reason, "no such service");
  EXPECT_THAT(StagesOf(answer), testing::ElementsAre("socket level"));
  EXPECT_THAT(answer.stages.front().detail, HasSubstr("connect() finds that no service has "));
  EXPECT_FALSE(ConnectToService(true).valid());
  EXPECT_EQ(errno, ECONNREFUSED);
}

TEST_P(SocketLevelTest, ExplainAsksThePoliciesOfTheBackendThatTheSocketIsLedTo) {
  state_.sets["closed"] = {policy::Direction::kIngress,
                           {{.action = policy::Action::kDeny, .any_peer = true, .any_port = true}}};
  state_.endpoints["b/eth0"].ingress_set = "closed";
  Serve({"b"});
  const UniqueFd listener = ListenTcp(Netns("b"), Pod("b"), kPort);
  const Explanation node = Explain(true), pod = Explain(false);
  EXPECT_TRUE(node.allowed) << "the node reaches its own pods: " << node.reason;
  EXPECT_TRUE(ConnectToService(true).valid());
  EXPECT_EQ(pod.reason, "denied by ingress policy");
  EXPECT_EQ(StagesOf(pod).front(), "socket level");
  EXPECT_FALSE(ConnectToService(false, kRefusedMs).valid());
}

TEST_P(SocketLevelTest, ExplainLeavesPodsToTheirPacketsWhereTheirSocketsAreNotBalanced) {
  state_.settings.socket_balancing = false;
  Serve({"b"});
  EXPECT_THAT(StagesOf(Explain(false)), testing::Contains("service"));
  EXPECT_EQ(StagesOf(Explain(true)).front(), "socket level") << "the node has no other way";
}

TEST_P(SocketLevelTest, ExplainKnowsThatAPodThatReachesItselfStaysInside) {
  Serve({"a"});
  const Explanation answer = Explain(false);
  EXPECT_TRUE(answer.allowed) << answer.reason;
  EXPECT_THAT(answer.stages.back().detail, HasSubstr("to the pod itself"));
  const UniqueFd listener = ListenTcp(Netns("a"), Pod("a"), kPort);
  EXPECT_TRUE(ConnectToService(false).valid());
}

TEST_P(SocketLevelTest, AConnectionEndsWithTheBackendThatItsSocketChose) {
  Serve({"b"});
  const Pair pair = Establish(Vip(), kServicePort, "b");
  Serve({"c"});
  ASSERT_EQ(send(pair.client.get(), "late", 4, MSG_NOSIGNAL), 4);
  EXPECT_EQ(ErrorOf(pair.client.get()), ECONNRESET);
  EXPECT_EQ(Receive(pair.server.get(), kRefusedMs), "");
}

TEST_P(SocketLevelTest, TheServerOfAnEndedConnectionIsToldWhenItSpeaksFirst) {
  Serve({"b"});
  const Pair pair = Establish(Vip(), kServicePort, "b");
  Serve({});
  ASSERT_EQ(send(pair.server.get(), "late", 4, MSG_NOSIGNAL), 4);
  EXPECT_EQ(ErrorOf(pair.server.get()), ECONNRESET);
  ASSERT_EQ(send(pair.client.get(), "later", 5, MSG_NOSIGNAL), 5);
  EXPECT_EQ(ErrorOf(pair.client.get()), ECONNRESET) << "it is not taken in again in mid-stream";
}

TEST_P(SocketLevelTest, ConnectionsToSurvivingBackendsNeverNotice) {
  Serve({"b"});
  const Pair pair = Establish(Vip(), kServicePort, "b");
  Serve({"b", "c"});
  EXPECT_TRUE(Carries(pair));
}

TEST_P(SocketLevelTest, AConnectionToThePodItselfOutlivesItsPlaceInAService) {
  Serve({"b"});
  const Pair pair = Establish(Pod("b"), kPort, "b");
  Serve({});
  EXPECT_TRUE(Carries(pair));
}

TEST_P(SocketLevelTest, AConnectedUdpSocketIsToldAndFindsAnotherBackendAtItsNextConnect) {
  Serve({"b"});
  const UniqueFd first = BindUdp(Netns("b"), Pod("b"), kPort), second = BindUdp(Netns("c"), Pod("c"), kPort);
  const UniqueFd client = BindUdp(Netns("a"), Pod("a"), 0);
  ASSERT_TRUE(Connect(client.get(), Vip(), kServicePort));
  ASSERT_EQ(send(client.get(), "one", 3, 0), 3);
  EXPECT_EQ(Receive(first.get()), "one");
  Serve({"c"});
  ASSERT_EQ(send(client.get(), "lost", 4, 0), 4);
  EXPECT_EQ(ErrorOf(client.get()), ECONNREFUSED);
  EXPECT_EQ(Receive(first.get(), kRefusedMs), "");
  ASSERT_TRUE(Connect(client.get(), Vip(), kServicePort));
  ASSERT_EQ(send(client.get(), "two", 3, 0), 3);
  EXPECT_EQ(Receive(second.get()), "two");
}

TEST_P(SocketLevelTest, ADatagramOfAnUnconnectedSocketFindsAnotherBackend) {
  Serve({"b"});
  const UniqueFd first = BindUdp(Netns("b"), Pod("b"), kPort), second = BindUdp(Netns("c"), Pod("c"), kPort);
  const UniqueFd client = BindUdp(Netns("a"), Pod("a"), 0);
  ASSERT_TRUE(SendUdp(client.get(), Vip(), kServicePort, "one"));
  EXPECT_EQ(Receive(first.get()), "one");
  Serve({"c"});
  ASSERT_TRUE(SendUdp(client.get(), Vip(), kServicePort, "two"));
  EXPECT_EQ(Receive(second.get()), "two");
}

TEST_P(SocketLevelTest, TheNodesOwnConnectionEndsWithItsBackendInAPodAndBeyondTheNode) {
  for (const bool beyond : {false, true}) {
    const IpAddress server =
        beyond ? *IpAddress::Parse(GetParam() ? "fd00:50::2" : "192.168.50.2") : Pod("b");
    Service service{.namespace_name = "test", .name = "web", .cluster_ips = {Vip()}};
    service.ports = {{.name = "web", .port = kServicePort, .backends = {{.address = server, .port = kPort}}}};
    state_.services["test/web"] = service;
    Apply();
    const UniqueFd listener = ListenTcp(beyond ? node_->outside() : Netns("b"), server, kPort);
    Pair led{.client = ConnectTcp(-1, Vip(), kServicePort)};
    led.server = AcceptTcp(listener.get());
    Pair direct{.client = ConnectTcp(-1, server, kPort)};
    direct.server = AcceptTcp(listener.get());
    ASSERT_TRUE(led.server.valid() && direct.server.valid()) << "beyond the node: " << beyond;
    EXPECT_TRUE(Carries(led) && Carries(direct));
    state_.services.clear();
    // What falls into the pause after an earlier look is left to a later call.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kDeadlineMs);
    pollfd waiting{led.client.get(), POLLIN, 0};
    do {
      Apply();
    } while (poll(&waiting, 1, 50) == 0 && std::chrono::steady_clock::now() < deadline);
    EXPECT_EQ(ErrorOf(led.client.get()), ECONNABORTED) << "beyond the node: " << beyond;
    EXPECT_TRUE(Carries(direct)) << "a connection to the server itself goes on";
  }
}

TEST_P(SocketLevelTest, AnAnswerComesFromTheServiceThatWasAsked) {
  Serve({"b"});
  const UniqueFd server = BindUdp(Netns("b"), Pod("b"), kPort);
  const UniqueFd client = BindUdp(Netns("a"), Pod("a"), 0);
  ASSERT_TRUE(SendUdp(client.get(), Vip(), kServicePort, "ask"));
  char text[16];
  End from;
  from.size = sizeof(from.storage);
  pollfd waiting{server.get(), POLLIN, 0};
  ASSERT_EQ(poll(&waiting, 1, kDeadlineMs), 1);
  ASSERT_EQ(
      recvfrom(server.get(), text, sizeof(text), 0, reinterpret_cast<sockaddr*>(&from.storage), &from.size),
      3);
  ASSERT_EQ(sendto(server.get(), "answer", 6, 0, reinterpret_cast<sockaddr*>(&from.storage), from.size), 6);
  waiting.fd = client.get();
  ASSERT_EQ(poll(&waiting, 1, kDeadlineMs), 1);
  from.size = sizeof(from.storage);
  ASSERT_EQ(
      recvfrom(client.get(), text, sizeof(text), 0, reinterpret_cast<sockaddr*>(&from.storage), &from.size),
      6);
  EXPECT_EQ(Words(from.storage), Words(Vip(), kServicePort));
}

INSTANTIATE_TEST_SUITE_P(, SocketLevelTest, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "IPv6" : "IPv4"; });

}  // namespace
}  // namespace fairlead::datapath
