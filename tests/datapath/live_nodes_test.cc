// Two nodes on the real kernel, side by side in one process: direct routing and VXLAN.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/address_port.h"
#include "base/netlink/link.h"
#include "base/netlink/route.h"
#include "base/netns.h"
#include "tests/datapath/lab_node.h"

namespace fairlead::datapath {
namespace {

constexpr uint16_t kPort = 8080;

// A datapath and the namespace that it works in.
class RunningNode {
 public:
  RunningNode(std::unique_ptr<LabNode> lab, int netns, const std::string& pin_dir)
      : lab_(std::move(lab)), netns_(netns) {
    options_.pin_dir = pin_dir;
    options_.max_connections = 1 << 12;
    const auto scope = Enter();
    auto opened = Datapath::Open(options_);
    EXPECT_TRUE(opened.ok()) << opened.status();
    if (opened.ok()) datapath_ = *std::move(opened);
  }
  ~RunningNode() {
    const auto scope = Enter();
    datapath_.reset();
    const absl::Status removed = RemoveAll(options_);
    EXPECT_TRUE(removed.ok()) << removed;
  }

  LabNode& lab() { return *lab_; }
  Datapath& datapath() { return *datapath_; }

  void AddPod(const std::string& name, int number) {
    const auto scope = Enter();
    const absl::Status attached = datapath_->AttachPod(lab_->AddPod(name, number).endpoint.ifindex);
    ASSERT_TRUE(attached.ok()) << attached;
  }
  absl::StatusOr<Explanation> Explain(const ExplainRequest& request) {
    const auto scope = Enter();
    return datapath_->Explain(request);
  }
  // For messages of tests that fail.
  std::string Drops() const {
    std::string text = "dropped:";
    for (const ReasonCount& drop : datapath_->Drops())
      absl::StrAppend(&text, " ", drop.name, " x", drop.packets);
    return text;
  }
  void Apply(const DesiredState& state) {
    const auto scope = Enter();
    auto report = datapath_->Apply(state, true);
    ASSERT_TRUE(report.ok()) << report.status();
    for (const auto& failure : report->failures) ADD_FAILURE() << failure.kind << " " << failure.status;
  }

 private:
  std::optional<NetnsScope> Enter() {
    if (netns_ < 0) return std::nullopt;
    return *NetnsScope::Enter(netns_);
  }

  std::unique_ptr<LabNode> lab_;
  int netns_;
  Options options_;
  std::unique_ptr<Datapath> datapath_;
};

class LiveNodes : public ::testing::TestWithParam<Routing> {
 protected:
  static void SetUpTestSuite() {
    static const bool once = (BecomeNode(), true);
    (void)once;
  }

  void SetUp() override {
    auto first = std::make_unique<LabNode>();
    auto second = std::make_unique<LabNode>(*first);
    outside_ = first->outside();
    one_ = std::make_unique<RunningNode>(std::move(first), -1, BpfDir() + "/one");
    two_ = std::make_unique<RunningNode>(std::move(second), outside_, BpfDir() + "/two");
    one_->AddPod("a", 1);
    two_->AddPod("b", 2);
  }
  void TearDown() override {
    two_.reset();
    one_.reset();
  }

  DesiredState State(RunningNode& node, RunningNode& other) {
    DesiredState state = node.lab().OpenState();
    state.settings.routing = GetParam();
    state.settings.socket_balancing = false;
    const RemoteNode remote = other.lab().AsRemote();
    state.nodes[remote.name] = remote;
    return state;
  }
  void ApplyBoth() {
    one_->Apply(State(*one_, *two_));
    two_->Apply(State(*two_, *one_));
  }

  LabPod& a() { return one_->lab().pod("a"); }
  LabPod& b() { return two_->lab().pod("b"); }
  const IpAddress& AddressOf(LabPod& pod, bool v4) { return pod.endpoint.addresses[v4 ? 0 : 1]; }

  // From a namespace to b.
  bool Reaches(int netns, bool v4, int timeout_ms = kPatienceMs) {
    UniqueFd listener = ListenTcp(b().netns.get(), AddressOf(b(), v4), kPort);
    UniqueFd client = ConnectTcp(netns, AddressOf(b(), v4), kPort, timeout_ms);
    if (!client.valid()) return false;
    UniqueFd server = AcceptTcp(listener.get());
    return server.valid() && send(client.get(), "x", 1, 0) == 1 && Receive(server.get()) == "x";
  }

  int outside_ = -1;
  std::unique_ptr<RunningNode> one_, two_;
};

TEST_P(LiveNodes, PodsOfTwoNodesReachEachOther) {
  ApplyBoth();
  EXPECT_TRUE(Reaches(a().netns.get(), true)) << one_->Drops() << '\n' << two_->Drops();
  EXPECT_TRUE(Reaches(a().netns.get(), false)) << one_->Drops() << '\n' << two_->Drops();
}

TEST_P(LiveNodes, ANodeReachesPodsOfAnother) {
  ApplyBoth();
  EXPECT_TRUE(Reaches(-1, true)) << one_->Drops() << '\n' << two_->Drops();
  EXPECT_TRUE(Reaches(-1, false)) << one_->Drops() << '\n' << two_->Drops();
}

TEST_P(LiveNodes, APodsLinkThatIsDownKeepsNoOtherRouteFromBeingMended) {
  ApplyBoth();
  absl::StatusOr<netlink::Socket> socket = netlink::Socket::Open();
  ASSERT_TRUE(socket.ok()) << socket.status();
  ASSERT_TRUE(netlink::ChangeLink(*socket, a().endpoint.ifindex, {.up = false}).ok());
  const absl::StatusOr<std::vector<netlink::Route>> routes = netlink::Routes(*socket);
  ASSERT_TRUE(routes.ok()) << routes.status();
  int deleted = 0;
  for (const netlink::Route& route : *routes) {
    const std::vector<IpPrefix> remote = two_->lab().AsRemote().pod_cidrs;
    if (std::find(remote.begin(), remote.end(), route.destination) == remote.end()) continue;
    ASSERT_TRUE(netlink::DeleteRoute(*socket, route).ok());
    ++deleted;
  }
  ASSERT_EQ(deleted, 2);
  const absl::StatusOr<ApplyReport> report = one_->datapath().Apply(State(*one_, *two_), true);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_FALSE(report->failures.empty()) << "the pod's own routes need its link";
  EXPECT_TRUE(Reaches(-1, true)) << one_->Drops() << '\n' << two_->Drops();
  EXPECT_TRUE(Reaches(-1, false)) << one_->Drops() << '\n' << two_->Drops();
}

TEST_P(LiveNodes, TheReceiversNodeJudgesIngress) {
  ApplyBoth();
  DesiredState state = State(*two_, *one_);
  state.groups["friends"].members = {IpPrefix::Host(AddressOf(a(), true))};
  state.sets["in"] = {policy::Direction::kIngress,
                      {{.action = policy::Action::kAllow, .peers = {"friends"}, .any_port = true},
                       {.action = policy::Action::kDeny, .any_peer = true, .any_port = true}}};
  state.endpoints["b/eth0"].ingress_set = "in";
  two_->Apply(state);
  EXPECT_TRUE(Reaches(a().netns.get(), true)) << one_->Drops() << '\n' << two_->Drops();
  EXPECT_FALSE(Reaches(a().netns.get(), false, kRefusedMs));
}

TEST_P(LiveNodes, AServiceLeadsToAnotherNode) {
  ApplyBoth();
  DesiredState state = State(*one_, *two_);
  Service& service = state.services["test/web"];
  service.namespace_name = "test";
  service.name = "web";
  service.cluster_ips = {*IpAddress::Parse("10.96.0.10"), *IpAddress::Parse("fd00:96::10")};
  ServicePort port{.port = 80};
  for (const bool v4 : {true, false}) port.backends.push_back({.address = AddressOf(b(), v4), .port = kPort});
  service.ports = {port};
  one_->Apply(state);
  for (const IpAddress& address : service.cluster_ips) {
    UniqueFd listener = ListenTcp(b().netns.get(), AddressOf(b(), address.is_v4()), kPort);
    EXPECT_TRUE(ConnectTcp(a().netns.get(), address, 80).valid()) << address.ToString();
  }
}

TEST_P(LiveNodes, ExplainNamesTheNextNode) {
  ApplyBoth();
  auto answer = one_->datapath().Explain(
      {.source = AddressOf(a(), true), .destination = AddressOf(b(), true), .destination_port = kPort});
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_TRUE(answer->allowed) << answer->reason;
  EXPECT_EQ(answer->next_node, "node-2");
}

TEST_P(LiveNodes, ExplainFollowsTheNodesOwnPacketToTheNodeThatJudgesIt) {
  ApplyBoth();
  for (const bool open : {true, false}) {
    DesiredState state = State(*two_, *one_);
    state.sets["closed"] = {policy::Direction::kIngress,
                            {{.action = policy::Action::kDeny, .any_peer = true, .any_port = true}}};
    if (!open) state.endpoints["b/eth0"].ingress_set = "closed";
    two_->Apply(state);
    for (const bool v4 : {true, false}) {
      const ExplainRequest request{
          .source = one_->lab().Address(v4), .destination = AddressOf(b(), v4), .destination_port = kPort};
      const auto leaves = one_->Explain(request);
      ASSERT_TRUE(leaves.ok()) << leaves.status();
      EXPECT_TRUE(leaves->allowed) << leaves->reason;
      EXPECT_EQ(leaves->next_node, "node-2") << "IPv4 " << v4;
      EXPECT_EQ(leaves->source, request.source);
      EXPECT_EQ(leaves->destination, request.destination);
      const auto arrives = two_->Explain(request);
      ASSERT_TRUE(arrives.ok()) << arrives.status();
      EXPECT_EQ(arrives->reason, open ? "forwarded" : "denied by ingress policy") << "IPv4 " << v4;
      EXPECT_EQ(Reaches(-1, v4, open ? kPatienceMs : kRefusedMs), open) << "IPv4 " << v4;
    }
  }
}

TEST_P(LiveNodes, TheMtuOfRemotePodsIsTheUnderlaysLessTheOverhead) {
  ApplyBoth();
  EXPECT_EQ(one_->datapath().PodMtu(), 1500u);
  EXPECT_EQ(one_->datapath().RemotePodMtu(), GetParam() == Routing::kVxlan ? 1450u : 1500u);
}

TEST_P(LiveNodes, DatagramsLargerThanThePathArriveWhole) {
  ApplyBoth();
  const std::string text(20000, 'x');
  for (const bool v4 : {true, false}) {
    UniqueFd server = BindUdp(b().netns.get(), AddressOf(b(), v4), kPort);
    UniqueFd client = BindUdp(a().netns.get(), AddressOf(a(), v4), 0);
    EXPECT_TRUE(Arrives(server.get(), text.size(),
                        [&] { EXPECT_TRUE(SendUdp(client.get(), AddressOf(b(), v4), kPort, text)); }))
        << "IPv4 " << v4 << one_->Drops() << two_->Drops();
  }
}

TEST_P(LiveNodes, FragmentsThatComeBeforeTheirHeadArrive) {
  ApplyBoth();
  const std::string text(3000, 'y');
  UniqueFd server = BindUdp(b().netns.get(), AddressOf(b(), true), kPort);
  EXPECT_TRUE(Arrives(server.get(), text.size(),
                      [&] {
                        SendFragmentsBackwards(a().netns.get(), AddressOf(a(), true), AddressOf(b(), true),
                                               kPort, text);
                      }))
      << one_->Drops() << two_->Drops();
}

TEST_P(LiveNodes, PodsLeaveForTheOutsideUnderTheNodesAddress) {
  DesiredState state = one_->lab().OpenState();
  state.settings.routing = GetParam();
  state.settings.masquerade = true;
  one_->Apply(state);
  // The second host knows no way to pods of the first, so an answer proves the translation.
  for (const bool v4 : {true, false}) {
    const IpAddress host = two_->lab().Address(v4);
    UniqueFd listener = ListenTcp(outside_, host, kPort);
    EXPECT_TRUE(ConnectTcp(a().netns.get(), host, kPort).valid()) << "IPv4 " << v4;

    const auto why =
        one_->Explain({.source = AddressOf(a(), v4), .destination = host, .destination_port = kPort});
    ASSERT_TRUE(why.ok()) << why.status();
    const auto leaves = std::find_if(why->stages.begin(), why->stages.end(),
                                     [](const auto& stage) { return stage.name == "translation"; });
    ASSERT_NE(leaves, why->stages.end());
    EXPECT_EQ(leaves->detail,
              absl::StrCat("leaves as ", one_->lab().Address(v4).ToString(), " -> ", WithPort(host, kPort)));
  }
}

INSTANTIATE_TEST_SUITE_P(, LiveNodes, ::testing::Values(Routing::kDirect, Routing::kVxlan),
                         [](const auto& info) { return info.param == Routing::kVxlan ? "vxlan" : "direct"; });

}  // namespace
}  // namespace fairlead::datapath
