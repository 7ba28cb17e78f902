// The plugin in a chain with standard plugins behind it, as a runtime calls one: each gets the result of the
// one before as prevResult. The others are Debian's containernetworking-plugins.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <thread>

#include "base/unique_fd.h"
#include "tests/lab/lab.h"
#include "tests/lab/manifests.h"

namespace fairlead::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class ChainTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(lab_.up());
    std::thread([this] {
      if (::unshare(CLONE_NEWNET) == 0)
        netns_ = UniqueFd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    }).join();
    ASSERT_GE(netns_.get(), 0) << "making a network namespace";
  }

  // One plugin as the runtime of node-1 calls it, for a new sandbox of pod a/web.
  Output Call(const std::string& plugin, const std::string& command, json config,
              const std::string& interface = "eth0") const {
    const std::string dir = plugin == "fairlead-cni" ? FAIRLEAD_BIN_DIR : "/usr/lib/cni";
    config["name"] = "fairlead";
    config["cniVersion"] = "1.0.0";
    config["type"] = plugin;
    return lab_.Fairlead(
        {"lab", "exec", "node-1", "--", "env", "CNI_COMMAND=" + command, "CNI_CONTAINERID=chained",
         "CNI_IFNAME=" + interface, "CNI_NETNS=" + NetnsPath(), "CNI_PATH=/usr/lib/cni:" FAIRLEAD_BIN_DIR,
         "CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=a;K8S_POD_NAME=web;"
         "K8S_POD_INFRA_CONTAINER_ID=chained;K8S_POD_UID=" +
             uid_,
         dir + "/" + plugin},
        config.dump());
  }
  std::string NetnsPath() const {
    return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(netns_.get());
  }
  json OurConfig() const {
    const std::string run = "/run/fairlead/labs/" + lab_.name() + "/nodes/node-1/run/";
    return {{"agentSocket", run + "cni.sock"}, {"queueDir", run + "cni-queue"}};
  }
  // From the first address of `result`, by IPv4.
  bool Reaches(const json& result, const std::string& target) const {
    std::string source = result["ips"][0]["address"];
    source.resize(source.find('/'));
    const Output run = lab_.Fairlead({"lab", "exec", "node-1", "--", "nsenter", "--net=" + NetnsPath(),
                                      "ping", "-c", "1", "-W", "5", "-I", source, target});
    return run.exit_code == 0;
  }
  static json Parsed(const Output& run) {
    EXPECT_EQ(run.exit_code, 0) << run.out << run.err;
    return json::parse(run.out, nullptr, /*allow_exceptions=*/false);
  }

  Lab lab_{Namespace("a", "x: y") + Pod("a", "web", "node-1", "app: web", "") +
           Pod("a", "peer", "node-2", "app: peer", "{name: http, containerPort: 80}")};
  UniqueFd netns_;
  std::string uid_ = lab_.up() ? PodUid() : "";

 private:
  std::string PodUid() const {
    const json nodes = lab_.Json({"endpoints"});
    for (const json& reply : nodes) {
      for (const json& endpoint : reply["endpoints"]) {
        if (endpoint["name"] == "web") return endpoint["podUid"];
      }
    }
    ADD_FAILURE() << "no endpoint of pod a/web: " << nodes;
    return "";
  }
};

TEST_F(ChainTest, StandardPluginsWorkBehindIt) {
  const json tuning{{"sysctl", {{"net.core.somaxconn", "500"}}}, {"mtu", 1400}};
  const json portmap{
      {"capabilities", {{"portMappings", true}}},
      {"runtimeConfig",
       {{"portMappings", {{{"hostPort", 18080}, {"containerPort", 80}, {"protocol", "tcp"}}}}}}};
  const std::vector<std::pair<std::string, json>> behind{
      {"tuning", tuning}, {"portmap", portmap}, {"bandwidth", json::object()}};

  json result = Parsed(Call("fairlead-cni", "ADD", OurConfig()));
  ASSERT_TRUE(result.contains("ips")) << result;
  for (const auto& [plugin, config] : behind) {
    json with_result = config;
    with_result["prevResult"] = result;
    result = Parsed(Call(plugin, "ADD", with_result));
    ASSERT_TRUE(result.contains("ips")) << plugin << ": " << result;
  }
  const auto checked = [&](json config) {
    config["prevResult"] = result;
    return config;
  };
  const Output check = Call("fairlead-cni", "CHECK", checked(OurConfig()));
  EXPECT_EQ(check.exit_code, 0) << check.out;
  const Output tuned = Call("tuning", "CHECK", checked(tuning));
  EXPECT_EQ(tuned.exit_code, 0) << tuned.out;

  for (auto plugin = behind.rbegin(); plugin != behind.rend(); ++plugin) {
    const Output run = Call(plugin->first, "DEL", checked(plugin->second));
    EXPECT_EQ(run.exit_code, 0) << plugin->first << ": " << run.out;
  }
  const Output gone = Call("fairlead-cni", "DEL", checked(OurConfig()));
  EXPECT_EQ(gone.exit_code, 0) << gone.out;
  EXPECT_NE(Call("fairlead-cni", "CHECK", checked(OurConfig())).exit_code, 0);
}

TEST_F(ChainTest, KeepsWhatAPluginBeforeItHasMade) {
  json before = OurConfig();
  before["prevResult"] = {{"cniVersion", "1.0.0"},
                          {"interfaces", {{{"name", "other0"}, {"mac", "02:00:00:00:00:09"}}}},
                          {"ips", json::array()},
                          {"dns", {{"nameservers", {"192.0.2.53"}}}}};
  const json result = Parsed(Call("fairlead-cni", "ADD", before));
  EXPECT_EQ(result["interfaces"][0]["name"], "other0") << result;
  EXPECT_EQ(result["interfaces"].size(), 3U) << result;
  EXPECT_EQ(result["dns"]["nameservers"][0], "192.0.2.53") << result;
  // Indices of interfaces count from the first of all of them.
  const size_t pod_end = result["ips"][0]["interface"];
  EXPECT_EQ(result["interfaces"][pod_end]["name"], "eth0") << result;
  EXPECT_EQ(Call("fairlead-cni", "DEL", OurConfig()).exit_code, 0);
}

TEST_F(ChainTest, SecondInterfaceOfAPodHasItsOwnAddresses) {
  const json first = Parsed(Call("fairlead-cni", "ADD", OurConfig()));
  const json second = Parsed(Call("fairlead-cni", "ADD", OurConfig(), "net1"));
  ASSERT_TRUE(first.contains("ips") && second.contains("ips")) << first << second;
  EXPECT_NE(first["ips"][0]["address"], second["ips"][0]["address"]);
  json with_result = OurConfig();
  with_result["prevResult"] = second;
  const Output check = Call("fairlead-cni", "CHECK", with_result, "net1");
  EXPECT_EQ(check.exit_code, 0) << check.out;
  EXPECT_EQ(second["routes"].size(), 0U) << "the default routes are eth0's: " << second;
  // Each address gets through by its own interface, before and after.
  const std::string peer = lab_.Address("pod", "a/peer");
  EXPECT_TRUE(Reaches(first, peer) && Reaches(second, peer));
  EXPECT_EQ(Call("fairlead-cni", "DEL", OurConfig(), "net1").exit_code, 0);
  with_result["prevResult"] = first;
  const Output still = Call("fairlead-cni", "CHECK", with_result);
  EXPECT_EQ(still.exit_code, 0) << still.out;
  EXPECT_TRUE(Reaches(first, peer));
  EXPECT_EQ(Call("fairlead-cni", "DEL", OurConfig()).exit_code, 0);
}

}  // namespace
}  // namespace fairlead::test
