// The real plugin against the agent's real parts (life of pods, records on disk, devices, CNI socket)
// in a network namespace of the test's own; only the datapath is a fake one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "agent/cni/cni_commands.h"
#include "agent/cni/cni_server.h"
#include "agent/cni/release_folder.h"
#include "agent/node_agent.h"
#include "agent/pods/pods.h"
#include "base/netlink/address.h"
#include "base/netlink/link.h"
#include "base/netns.h"
#include "datapath/fake_datapath.h"
#include "tests/base/private_netns.h"
#include "tests/cni/plugin.h"

namespace fairlead::agent {
namespace {

using cni::PluginProcess;
using cni::PluginResult;
using nlohmann::json;
using ::testing::HasSubstr;

constexpr char kNode[] = "node-1";
constexpr auto kPatience = std::chrono::seconds(60);

// An agent as main.cc puts it together, on a fake datapath and without servers for people. Lives in the
// namespace `netns_fd`, its files in `folder`.
class AgentProcess {
 public:
  AgentProcess(int netns_fd, const std::string& folder) {
    NetnsScope scope = *NetnsScope::Enter(netns_fd);
    loop_ = *EventLoop::Create();
    std::filesystem::create_directories(folder);
    agent_.emplace(NodeAgentOptions{.node = kNode, .state_file = folder + "/last-good"}, loop_.get(),
                   &datapath_, &SystemClock());
    store_.emplace(*FolderLeaseStore::Open(folder + "/pods"));
    leases_.emplace(&*store_, &SystemClock(), int64_t{30} * 1'000'000'000);
    EXPECT_TRUE(leases_->Load().ok());
    links_.emplace(*NetlinkLinks::Open());
    pods_.emplace(Pods::Parts{&*leases_, &*links_, &datapath_, &*agent_, loop_.get()}, kPatience);
    agent_->SetEndpoints(&*pods_);
    EXPECT_TRUE(pods_->Adopt().ok());
    agent_->Start();
    commands_.emplace(&*agent_, &*pods_);
    queue_ = *ReleaseFolder::Open(folder + "/cni-queue", loop_.get(),
                                  [this](const std::string& key) { return pods_->Release(key); });
    queue_->Replay();
    server_ = *CniServer::Listen(folder + "/cni.sock", loop_.get(), &*commands_, kPatience);
    thread_ = std::thread([this] { loop_->Run(); });
  }
  ~AgentProcess() {
    loop_->Stop();
    thread_.join();
    queue_.reset();
    server_.reset();
    agent_.reset();
  }

  // What a controller would send: the node's settings and the policy of `pods`.
  void Tell(const std::vector<std::string>& pods) {
    On([&] {
      Push push{.watermark = agent_->watermark(), .complete = true};
      datapath::NodeSettings settings{.node = kNode};
      settings.pod_cidrs = {*IpPrefix::Parse("10.244.1.0/24"), *IpPrefix::Parse("fd00:10:244:1::/64")};
      push.changes.push_back({{ResourceKind::kNodeConfig, kNode}, "1", settings});
      for (const std::string& pod : pods) {
        push.changes.push_back(
            {{ResourceKind::kEndpoint, "uid-" + pod}, "1", PodPolicy{"uid-" + pod, "shop", pod}});
      }
      const std::vector<ResourceError> errors = agent_->OnPush(std::move(push));
      EXPECT_TRUE(errors.empty()) << errors[0].message;
    });
  }
  void On(const std::function<void()>& function) {
    ASSERT_TRUE(loop_
                    ->Call<bool>(kPatience,
                                 [&] {
                                   function();
                                   return true;
                                 })
                    .ok());
  }
  size_t Live() {
    size_t count = 0;
    On([&] { count = leases_->live().size(); });
    return count;
  }
  Pods& pods() { return *pods_; }
  datapath::FakeDatapath& datapath() { return datapath_; }

 private:
  datapath::FakeDatapath datapath_;
  std::unique_ptr<EventLoop> loop_;
  std::optional<NodeAgent> agent_;
  std::optional<FolderLeaseStore> store_;
  std::optional<LeaseTable> leases_;
  std::optional<NetlinkLinks> links_;
  std::optional<Pods> pods_;
  std::optional<CniCommands> commands_;
  std::unique_ptr<ReleaseFolder> queue_;
  std::unique_ptr<CniServer> server_;
  std::thread thread_;
};

class CniAgentTest : public ::testing::Test {
 protected:
  void SetUp() override {
    node_fd_ = NewPrivateNetns();
    node_ = std::make_unique<netlink::Socket>(*netlink::Socket::OpenIn(node_fd_.get()));
    char folder[] = "/tmp/fairlead-cni-agent-XXXXXX";
    folder_ = mkdtemp(folder);
    StartAgent();
  }
  void TearDown() override {
    agent_.reset();
    std::filesystem::remove_all(folder_);
  }
  void StartAgent() { agent_ = std::make_unique<AgentProcess>(node_fd_.get(), folder_); }

  int PodNetns(const std::string& pod) {
    auto [entry, fresh] = pods_.try_emplace(pod);
    if (fresh) entry->second = NewPrivateNetns();
    return entry->second.get();
  }
  cni::PluginRun Command(const std::string& command, const std::string& pod, json config = json::object()) {
    config.update({{"cniVersion", "1.1.0"},
                   {"name", "fairlead"},
                   {"type", "fairlead-cni"},
                   {"agentSocket", folder_ + "/cni.sock"},
                   {"queueDir", folder_ + "/cni-queue"},
                   {"timeoutSeconds", 60}});
    return {.environment = {{"CNI_COMMAND", command},
                            {"CNI_CONTAINERID", "sandbox-" + pod},
                            {"CNI_IFNAME", "eth0"},
                            {"CNI_NETNS",
                             "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(PodNetns(pod))},
                            {"CNI_ARGS",
                             "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=" + pod + ";K8S_POD_UID=uid-" + pod}},
            .input = config.dump(),
            .netns_fd = node_fd_.get()};
  }
  PluginResult Run(const std::string& command, const std::string& pod, json config = json::object()) {
    return RunPlugin(Command(command, pod, std::move(config)));
  }
  // Pod links of the node, by state.
  size_t Links() {
    size_t count = 0;
    auto links = netlink::Links(*node_);
    EXPECT_TRUE(links.ok());
    for (const netlink::Link& link : *links) count += IsHostInterfaceName(link.name);
    return count;
  }
  bool Becomes(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < deadline) {
      if (condition()) return true;
      std::this_thread::yield();
    }
    return false;
  }

  UniqueFd node_fd_;
  std::unique_ptr<netlink::Socket> node_;
  std::string folder_;
  std::map<std::string, UniqueFd> pods_;
  std::unique_ptr<AgentProcess> agent_;
};

TEST_F(CniAgentTest, APodLivesFromAddToDel) {
  agent_->Tell({"cart"});
  EXPECT_EQ(Run("STATUS", "cart").exit_code, 0);
  const PluginResult added = Run("ADD", "cart");
  ASSERT_EQ(added.exit_code, 0) << added.output;
  EXPECT_EQ(added.json()["ips"][0]["address"], "10.244.1.1/32");
  EXPECT_EQ(added.json()["ips"][1]["address"], "fd00:10:244:1::1/128");
  auto host = netlink::FindLink(*node_, added.json()["interfaces"][0]["name"].get<std::string>());
  ASSERT_TRUE(host.ok());
  EXPECT_TRUE(host->up);
  EXPECT_EQ(agent_->datapath().applied.endpoints.at("sandbox-cart/eth0").ifindex, host->ifindex);

  const PluginResult checked = Run("CHECK", "cart", {{"prevResult", added.json()}});
  EXPECT_EQ(checked.exit_code, 0) << checked.output;
  for (int times = 0; times < 2; ++times) EXPECT_EQ(Run("DEL", "cart").exit_code, 0);
  EXPECT_EQ(Links(), 0u);
  EXPECT_TRUE(agent_->datapath().applied.endpoints.empty());
  EXPECT_EQ(Run("CHECK", "cart", {{"prevResult", added.json()}}).code(), 101);
}

TEST_F(CniAgentTest, CheckSeesThatTheProgramsAreGone) {
  agent_->Tell({"cart"});
  const PluginResult added = Run("ADD", "cart");
  agent_->On([&] { agent_->datapath().attached.clear(); });
  const PluginResult checked = Run("CHECK", "cart", {{"prevResult", added.json()}});
  EXPECT_EQ(checked.code(), 101);
  EXPECT_THAT(checked.output, HasSubstr("no program"));
}

TEST_F(CniAgentTest, ANodeThatKnowsNothingTakesNoPods) {
  EXPECT_EQ(Run("STATUS", "cart").code(), 50);
  const PluginResult added = Run("ADD", "cart");
  EXPECT_EQ(added.code(), 11) << added.output;
  EXPECT_FALSE(added.json()["details"].get<std::string>().empty());
  EXPECT_EQ(Links(), 0u);
}

TEST_F(CniAgentTest, AnAddWaitsForItsPolicy) {
  agent_->Tell({});
  PluginProcess add(Command("ADD", "cart"));
  ASSERT_TRUE(Becomes([&] {
    bool waiting = false;
    agent_->On([&] { waiting = agent_->pods().IsWaiting("sandbox-cart/eth0"); });
    return waiting;
  }));
  agent_->Tell({"cart"});
  const PluginResult added = add.Wait();
  EXPECT_EQ(added.exit_code, 0) << added.output;
}

TEST_F(CniAgentTest, KilledWhileItWaitsThePluginLeavesNothing) {
  agent_->Tell({});
  PluginProcess add(Command("ADD", "cart"));
  ASSERT_TRUE(Becomes([&] { return Links() == 1; }));
  kill(add.pid(), SIGKILL);
  add.Wait();
  EXPECT_TRUE(Becomes([&] { return Links() == 0 && agent_->Live() == 0; }));
}

TEST_F(CniAgentTest, KilledAtAnyMomentThePluginLeavesNothing) {
  agent_->Tell({"cart"});
  for (int delay_us = 0; delay_us < 6000; delay_us += 150) {
    PluginProcess add(Command("ADD", "cart"));
    const auto moment = std::chrono::steady_clock::now() + std::chrono::microseconds(delay_us);
    while (std::chrono::steady_clock::now() < moment) std::this_thread::yield();
    kill(add.pid(), SIGKILL);
    add.Wait();
    // What a runtime does after an ADD that did not succeed.
    EXPECT_EQ(Run("DEL", "cart").exit_code, 0);
    ASSERT_TRUE(Becomes([&] { return Links() == 0 && agent_->Live() == 0; })) << delay_us;
  }
}

TEST_F(CniAgentTest, ADelWhileTheAgentIsDownIsDoneWhenItIsBack) {
  agent_->Tell({"cart"});
  ASSERT_EQ(Run("ADD", "cart").exit_code, 0);
  agent_.reset();
  const PluginResult deleted = Run("DEL", "cart");
  EXPECT_EQ(deleted.exit_code, 0) << deleted.output;
  EXPECT_EQ(Links(), 0u);
  StartAgent();
  EXPECT_EQ(agent_->Live(), 0u);
  EXPECT_TRUE(std::filesystem::is_empty(folder_ + "/cni-queue"));
}

TEST_F(CniAgentTest, APodSurvivesARestartOfTheAgent) {
  agent_->Tell({"cart"});
  const PluginResult added = Run("ADD", "cart");
  agent_.reset();
  StartAgent();
  agent_->Tell({"cart"});
  EXPECT_EQ(Run("CHECK", "cart", {{"prevResult", added.json()}}).exit_code, 0);
  EXPECT_EQ(Links(), 1u);
  const PluginResult again = Run("ADD", "cart");
  EXPECT_EQ(again.json()["ips"], added.json()["ips"]) << "a repeated ADD keeps the addresses";
}

TEST_F(CniAgentTest, ADelWithTheNamespaceGoneSucceeds) {
  agent_->Tell({"cart"});
  ASSERT_EQ(Run("ADD", "cart").exit_code, 0);
  cni::PluginRun deletion = Command("DEL", "cart");
  pods_.clear();
  ASSERT_TRUE(Becomes([&] { return Links() == 0; })) << "the namespace takes its link along";
  EXPECT_EQ(RunPlugin(deletion).exit_code, 0);
  EXPECT_EQ(agent_->Live(), 0u);
}

TEST_F(CniAgentTest, GcTakesAwayWhatTheRuntimeForgot) {
  agent_->Tell({"a", "b"});
  ASSERT_EQ(Run("ADD", "a").exit_code, 0);
  ASSERT_EQ(Run("ADD", "b").exit_code, 0);
  const json valid = {{"cni.dev/valid-attachments", {{{"containerID", "sandbox-a"}, {"ifname", "eth0"}}}}};
  EXPECT_EQ(Run("GC", "", valid).exit_code, 0);
  EXPECT_EQ(Links(), 1u);
  EXPECT_EQ(agent_->Live(), 1u);
}

TEST_F(CniAgentTest, ThirtyAddsAtOnceAllSucceedWithAddressesOfTheirOwn) {
  std::vector<std::string> names;
  for (int i = 0; i < 30; ++i) names.push_back("pod-" + std::to_string(i));
  agent_->Tell(names);
  std::vector<std::unique_ptr<PluginProcess>> adds;
  for (const std::string& name : names) adds.push_back(std::make_unique<PluginProcess>(Command("ADD", name)));
  std::set<std::string> addresses;
  for (auto& add : adds) {
    const PluginResult added = add->Wait();
    ASSERT_EQ(added.exit_code, 0) << added.output;
    addresses.insert(added.json()["ips"][0]["address"]);
  }
  EXPECT_EQ(addresses.size(), names.size());
  EXPECT_EQ(Links(), names.size());
}

TEST_F(CniAgentTest, ASecondHolderOfAHostPortHearsWhoHasIt) {
  agent_->Tell({"a", "b"});
  const json port = {{"runtimeConfig", {{"portMappings", {{{"hostPort", 8080}, {"containerPort", 80}}}}}}};
  ASSERT_EQ(Run("ADD", "a", port).exit_code, 0);
  EXPECT_EQ(agent_->datapath().applied.endpoints.at("sandbox-a/eth0").port_mappings.size(), 1u);
  EXPECT_THAT(Run("ADD", "b", port).output, HasSubstr("hostPort 8080 is in use by pod shop/a"));
  EXPECT_EQ(Links(), 1u);
}

}  // namespace
}  // namespace fairlead::agent
