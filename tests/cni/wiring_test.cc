// ADD, CHECK and DEL of the real plugin between two network namespaces of the test's own: a node's, in
// which the plugin runs, and a pod's. The agent is a fake one that prepares and commits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "base/netlink/address.h"
#include "base/netlink/link.h"
#include "base/netlink/route.h"
#include "tests/base/private_netns.h"
#include "tests/cni/fake_agent.h"
#include "tests/cni/plugin.h"

namespace fairlead::cni {
namespace {

using nlohmann::json;
using ::testing::Contains;
using ::testing::HasSubstr;

constexpr char kDone[] = R"({"done":{}})";
constexpr char kHostName[] = "flp00000000001";
constexpr char kPrepared[] = R"({"prepared":{"addresses":["10.244.1.5","fd00:10:244:1::5"],
"mac":"02:00:00:00:00:05","hostMac":"02:00:00:00:00:06","hostInterface":"flp00000000001",
"gateways":["169.254.1.1","fe80::1"],"mtu":1400,"routeMtus":[{"destination":"10.244.2.0/24","mtu":1350}]}})";

std::string OneLine(std::string text) {
  std::erase(text, '\n');
  return text;
}

class WiringTest : public ::testing::Test {
 protected:
  void SetUp() override {
    node_fd_ = NewPrivateNetns();
    pod_fd_ = NewPrivateNetns();
    node_ = std::make_unique<netlink::Socket>(*netlink::Socket::OpenIn(node_fd_.get()));
    pod_ = std::make_unique<netlink::Socket>(*netlink::Socket::OpenIn(pod_fd_.get()));
    char folder[] = "/tmp/fairlead-cni-wiring-XXXXXX";
    folder_ = mkdtemp(folder);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string PodPath() const {
    return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(pod_fd_.get());
  }

  PluginResult Run(const std::string& command, const std::string& socket, const json& more = json::object()) {
    json config = {{"cniVersion", "1.1.0"}, {"name", "fairlead"},         {"type", "fairlead-cni"},
                   {"agentSocket", socket}, {"queueDir", folder_ + "/q"}, {"timeoutSeconds", 60}};
    config.update(more);
    return RunPlugin({.environment = {{"CNI_COMMAND", command},
                                      {"CNI_CONTAINERID", "sandbox-1"},
                                      {"CNI_IFNAME", "eth0"},
                                      {"CNI_NETNS", PodPath()},
                                      {"CNI_ARGS", "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart-0"}},
                      .input = config.dump(),
                      .netns_fd = node_fd_.get()});
  }
  PluginResult Add(const json& more = json::object()) {
    agent_.emplace(std::vector<std::string>{OneLine(kPrepared), kDone, kDone, kDone});
    return Run("ADD", agent_->path(), more);
  }
  PluginResult Check(const PluginResult& added) {
    return Run("CHECK", agent_->path(), {{"prevResult", added.json()}});
  }
  std::optional<netlink::Link> HostEnd() const {
    auto link = netlink::FindLink(*node_, kHostName);
    return link.ok() ? std::optional(*link) : std::nullopt;
  }

  UniqueFd node_fd_, pod_fd_;
  std::unique_ptr<netlink::Socket> node_, pod_;
  std::string folder_;
  std::optional<FakeAgent> agent_;
};

TEST_F(WiringTest, AddWiresThePodAndLeavesTheHostEndDown) {
  const PluginResult added = Add();
  ASSERT_EQ(added.exit_code, 0) << added.output;

  ASSERT_TRUE(HostEnd());
  EXPECT_FALSE(HostEnd()->up) << "bringing it up is the agent's, after the policy";
  EXPECT_EQ(netlink::MacToString(HostEnd()->mac), "02:00:00:00:00:06");
  EXPECT_EQ(HostEnd()->mtu, 1400u);
  EXPECT_EQ(json::parse(agent_->requests().at(1))["commit"]["hostInterfaceIndex"], HostEnd()->ifindex);

  auto inside = netlink::FindLink(*pod_, "eth0");
  ASSERT_TRUE(inside.ok()) << inside.status();
  EXPECT_TRUE(inside->up);
  EXPECT_EQ(netlink::MacToString(inside->mac), "02:00:00:00:00:05");
  EXPECT_EQ(inside->mtu, 1400u);
  EXPECT_TRUE(netlink::FindLink(*pod_, "lo")->up);

  auto addresses = netlink::Addresses(*pod_);
  ASSERT_TRUE(addresses.ok());
  int found = 0;
  for (const netlink::InterfaceAddress& a : *addresses) {
    if (a.address != *IpAddress::Parse("10.244.1.5") && a.address != *IpAddress::Parse("fd00:10:244:1::5"))
      continue;
    ++found;
    EXPECT_EQ(a.prefix_length, a.address.is_v4() ? 32 : 128);
    EXPECT_FALSE(a.tentative) << "usable when ADD returns";
  }
  EXPECT_EQ(found, 2);

  auto routes = netlink::Routes(*pod_);
  ASSERT_TRUE(routes.ok());
  std::vector<std::string> texts;
  for (const netlink::Route& route : *routes) texts.push_back(ToString(route));
  EXPECT_THAT(texts, Contains(HasSubstr("0.0.0.0/0 via 169.254.1.1")));
  EXPECT_THAT(texts, Contains(HasSubstr("::/0 via fe80::1")));
  for (const netlink::Route& route : *routes) {
    const bool remote = route.destination == *IpPrefix::Parse("10.244.2.0/24");
    EXPECT_EQ(route.mtu, remote ? 1350u : 0u) << ToString(route);
  }
  EXPECT_THAT(texts, Contains(HasSubstr("10.244.2.0/24 via 169.254.1.1")));

  auto neighbours = netlink::PermanentNeighbours(*pod_);
  ASSERT_TRUE(neighbours.ok());
  const netlink::MacAddress host_mac = HostEnd()->mac;
  for (const char* gateway : {"169.254.1.1", "fe80::1"}) {
    EXPECT_THAT(*neighbours,
                Contains(netlink::Neighbour{inside->ifindex, *IpAddress::Parse(gateway), host_mac}));
  }
}

TEST_F(WiringTest, TheResultNamesBothEnds) {
  const PluginResult added = Add();
  const json result = added.json();
  ASSERT_EQ(added.exit_code, 0) << added.output;
  EXPECT_EQ(result["interfaces"][0]["name"], kHostName);
  EXPECT_EQ(result["interfaces"][1]["name"], "eth0");
  EXPECT_EQ(result["interfaces"][1]["sandbox"], PodPath());
  EXPECT_EQ(result["interfaces"][1]["mtu"], 1400);
  EXPECT_EQ(result["ips"][0]["address"], "10.244.1.5/32");
  EXPECT_EQ(result["ips"][0]["interface"], 1);
  EXPECT_EQ(result["ips"][1]["gateway"], "fe80::1");
  EXPECT_EQ(result["routes"][0]["dst"], "0.0.0.0/0");
}

TEST_F(WiringTest, InAChainThePreviousResultStaysAndIndicesMove) {
  const PluginResult added = Add({{"prevResult", json::parse(R"({"interfaces": [{"name": "before"}],
      "ips": [{"address": "192.0.2.9/24", "interface": 0}]})")}});
  const json result = added.json();
  ASSERT_EQ(added.exit_code, 0) << added.output;
  EXPECT_EQ(result["interfaces"].size(), 3u);
  EXPECT_EQ(result["ips"][0]["address"], "192.0.2.9/24");
  EXPECT_EQ(result["ips"][1]["interface"], 2);
  EXPECT_EQ(Check(added).exit_code, 0);
}

TEST_F(WiringTest, CheckTellsTheAgentWhatItFound) {
  const PluginResult added = Add();
  ASSERT_EQ(Check(added).exit_code, 0) << Check(added).output;
  const json request = json::parse(agent_->requests().at(2));
  EXPECT_EQ(request["command"], "CHECK");
  EXPECT_EQ(request["mac"], "02:00:00:00:00:05");
  EXPECT_THAT(request["addresses"], Contains("10.244.1.5"));
  EXPECT_THAT(request["addresses"], Contains("fd00:10:244:1::5"));
}

TEST_F(WiringTest, CheckFindsEveryDifference) {
  const PluginResult added = Add();
  ASSERT_EQ(added.exit_code, 0) << added.output;
  const uint32_t index = netlink::FindLink(*pod_, "eth0")->ifindex;
  struct Case {
    const char* message;
    std::function<absl::Status()> spoil, mend;
  };
  const IpAddress v4 = *IpAddress::Parse("10.244.1.5");
  const IpAddress gateway = *IpAddress::Parse("169.254.1.1");
  const netlink::MacAddress right = HostEnd()->mac;
  const netlink::MacAddress wrong = {2, 2, 2, 2, 2, 2};
  const netlink::Route via{.destination = *IpPrefix::Parse("0.0.0.0/0"),
                           .gateway = gateway,
                           .ifindex = index,
                           .protocol = netlink::kFairleadProtocol};
  const std::vector<Case> cases = {
      {"no default route", [&] { return netlink::DeleteRoute(*pod_, via); },
       [&] { return netlink::ReplaceRoute(*pod_, via); }},
      {"no permanent neighbour", [&] { return netlink::DeleteNeighbour(*pod_, index, gateway); },
       [&] { return netlink::ReplaceNeighbour(*pod_, {index, gateway, right}); }},
      {"neighbour 169.254.1.1 is", [&] { return netlink::ReplaceNeighbour(*pod_, {index, gateway, wrong}); },
       [&] { return netlink::ReplaceNeighbour(*pod_, {index, gateway, right}); }},
      {"its address is", [&] { return netlink::ChangeLink(*pod_, index, {.mac = wrong}); },
       [&] { return netlink::ChangeLink(*pod_, index, {.mac = netlink::MacAddress{2, 0, 0, 0, 0, 5}}); }},
      {"address 10.244.1.5 is missing", [&] { return netlink::DeleteAddress(*pod_, index, v4, 32); },
       [&] { return netlink::AddAddress(*pod_, index, v4, 32); }},
      {"it is down", [&] { return netlink::ChangeLink(*pod_, index, {.up = false}); },
       [&] { return absl::OkStatus(); }}};
  for (const Case& c : cases) {
    ASSERT_TRUE(c.spoil().ok()) << c.message;
    const PluginResult checked = Check(added);
    EXPECT_EQ(checked.code(), 101) << c.message;
    EXPECT_THAT(checked.output, HasSubstr(c.message));
    ASSERT_TRUE(c.mend().ok()) << c.message;
  }
  EXPECT_EQ(agent_->requests().size(), 2u) << "what is wrong in the pod needs no agent";
}

TEST_F(WiringTest, CheckFailsWhenTheInterfaceIsGone) {
  const PluginResult added = Add();
  ASSERT_TRUE(netlink::DeleteLink(*node_, HostEnd()->ifindex).ok());
  EXPECT_EQ(Check(added).code(), 101);
}

TEST_F(WiringTest, ATakenInterfaceNameFailsAndLeavesNothing) {
  ASSERT_TRUE(netlink::CreateVeth(*pod_, {.name = "eth0", .peer_name = "other"}).ok());
  const PluginResult added = Add();
  EXPECT_EQ(added.code(), 100) << added.output;
  EXPECT_FALSE(HostEnd());
  EXPECT_EQ(agent_->requests().size(), 1u) << "nothing is committed";
}

TEST_F(WiringTest, AForeignHostInterfaceIsNotTakenOver) {
  std::string prepared = OneLine(kPrepared);
  prepared.insert(prepared.size() - 2, R"(,"existing":true)");
  ASSERT_TRUE(netlink::CreateVeth(*node_, {.name = kHostName, .peer_name = "other"}).ok());
  FakeAgent agent({prepared, kDone});
  EXPECT_EQ(Run("ADD", agent.path()).code(), 100);
  EXPECT_TRUE(HostEnd()) << "it is not ours to delete";
}

TEST_F(WiringTest, ARefusedCommitTakesTheLinkAway) {
  FakeAgent agent(
      {OneLine(kPrepared), R"({"error":{"code":11,"msg":"policy is not known","details":"wait"}})"});
  const PluginResult added = Run("ADD", agent.path());
  EXPECT_EQ(added.code(), 11);
  EXPECT_EQ(added.json()["details"], "wait");
  EXPECT_FALSE(HostEnd());
}

TEST_F(WiringTest, AnAgentThatDiesAtTheCommitMeansTryAgain) {
  FakeAgent agent({OneLine(kPrepared), FakeAgent::kHangUp});
  EXPECT_EQ(Run("ADD", agent.path()).code(), 11);
  EXPECT_FALSE(HostEnd());
}

TEST_F(WiringTest, ARepeatedAddFinishesWhatIsThere) {
  ASSERT_EQ(Add().exit_code, 0);
  const uint32_t index = HostEnd()->ifindex;
  const uint32_t pod_index = netlink::FindLink(*pod_, "eth0")->ifindex;
  ASSERT_TRUE(netlink::DeleteAddress(*pod_, pod_index, *IpAddress::Parse("10.244.1.5"), 32).ok());
  std::string prepared = OneLine(kPrepared);
  prepared.insert(prepared.size() - 2, R"(,"existing":true)");
  agent_.reset();
  agent_.emplace(std::vector<std::string>{prepared, kDone, kDone});
  const PluginResult again = Run("ADD", agent_->path());
  ASSERT_EQ(again.exit_code, 0) << again.output;
  EXPECT_EQ(HostEnd()->ifindex, index);
  EXPECT_EQ(Check(again).exit_code, 0) << "addresses and routes are back";
}

TEST_F(WiringTest, DelWithoutAnAgentDeletesTheLinkAndQueues) {
  ASSERT_EQ(Add().exit_code, 0);
  const PluginResult deleted = Run("DEL", folder_ + "/none.sock");
  EXPECT_EQ(deleted.exit_code, 0) << deleted.output;
  EXPECT_FALSE(HostEnd());
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/q/sandbox-1-eth0.json"));
}

TEST_F(WiringTest, DelWithoutAnAgentLeavesForeignLinksAlone) {
  ASSERT_TRUE(
      netlink::CreateVeth(*node_, {.name = "other0", .peer_name = "eth0", .peer_netns_fd = pod_fd_.get()})
          .ok());
  EXPECT_EQ(Run("DEL", folder_ + "/none.sock").exit_code, 0);
  EXPECT_TRUE(netlink::FindLink(*node_, "other0").ok());
}

}  // namespace
}  // namespace fairlead::cni
