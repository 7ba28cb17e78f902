// The plugin as a process against a fake agent: every command and each kind of failure.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/cni/fake_agent.h"
#include "tests/cni/plugin.h"

namespace fairlead::cni {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr char kDone[] = R"({"done":{}})";

class ProcessTest : public ::testing::Test {
 protected:
  ProcessTest() {
    char folder[] = "/tmp/fairlead-cni-queue-XXXXXX";
    folder_ = mkdtemp(folder);
  }
  ~ProcessTest() override { std::filesystem::remove_all(folder_); }

  json Config(const std::string& socket) const {
    return {{"cniVersion", "1.1.0"},          {"name", "fairlead"},
            {"type", "fairlead-cni"},         {"agentSocket", socket},
            {"queueDir", folder_ + "/queue"}, {"timeoutSeconds", 60}};
  }
  std::map<std::string, std::string> Environment(const std::string& command) const {
    return {{"CNI_COMMAND", command},
            {"CNI_CONTAINERID", "sandbox-1"},
            {"CNI_IFNAME", "eth0"},
            {"CNI_NETNS", "/proc/self/ns/does-not-exist"},
            {"CNI_ARGS", "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart-0;K8S_POD_UID=uid-1"}};
  }
  PluginResult Run(const std::string& command, const json& config) const {
    return RunPlugin({.environment = Environment(command), .input = config.dump()});
  }
  std::string QueuedFile() const { return folder_ + "/queue/sandbox-1-eth0.json"; }

  std::string folder_;
};

TEST_F(ProcessTest, VersionNamesWhatItSpeaks) {
  const PluginResult result = RunPlugin({{{"CNI_COMMAND", "VERSION"}}, R"({"cniVersion": "1.0.0"})"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.json(),
            json({{"cniVersion", "1.0.0"}, {"supportedVersions", {"0.4.0", "1.0.0", "1.1.0"}}}));
}

TEST_F(ProcessTest, VersionAnswersARuntimeOfTheFuture) {
  const PluginResult result = RunPlugin({{{"CNI_COMMAND", "VERSION"}}, R"({"cniVersion": "3.0.0"})"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.json()["cniVersion"], "1.1.0");
}

TEST_F(ProcessTest, ErrorsAreTheSpecificationsObject) {
  const PluginResult result = RunPlugin({{{"CNI_COMMAND", "STATUS"}}, "{"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.json()["cniVersion"], "1.1.0");
  EXPECT_EQ(result.code(), 6);
  EXPECT_FALSE(result.json()["msg"].get<std::string>().empty());
}

TEST_F(ProcessTest, AnErrorSpeaksTheVersionOfTheConfiguration) {
  const PluginResult result =
      RunPlugin({{{"CNI_COMMAND", "STATUS"}}, R"({"cniVersion": "0.4.0", "name": "n", "nmae": 1})"});
  EXPECT_EQ(result.json()["cniVersion"], "0.4.0");
  EXPECT_EQ(result.code(), 7);
}

TEST_F(ProcessTest, RefusesAnEnvironmentThatIsWrong) {
  struct Case {
    std::string variable, value;
  };
  for (const Case& c : std::vector<Case>{{"CNI_COMMAND", "FROB"},
                                         {"CNI_COMMAND", ""},
                                         {"CNI_CONTAINERID", ""},
                                         {"CNI_CONTAINERID", "../../etc"},
                                         {"CNI_CONTAINERID", std::string(300, 'a')},
                                         {"CNI_IFNAME", ""},
                                         {"CNI_IFNAME", "sixteen-letters-"},
                                         {"CNI_IFNAME", "a/b"},
                                         {"CNI_IFNAME", ".."},
                                         {"CNI_NETNS", ""},
                                         {"CNI_NETNS", "/proc/self/status"},
                                         {"CNI_ARGS", "K8S_POD_NAME"},
                                         {"CNI_ARGS", "K8S_POD_NAMESPACE=shop"}}) {
    auto environment = Environment("ADD");
    environment[c.variable] = c.value;
    const PluginResult result = RunPlugin({environment, Config("/nowhere").dump()});
    EXPECT_EQ(result.exit_code, 1) << c.variable << "=" << c.value;
    EXPECT_EQ(result.code(), 4) << c.variable << "=" << c.value << ": " << result.output;
  }
}

TEST_F(ProcessTest, RefusesTheNodesOwnNamespace) {
  auto environment = Environment("ADD");
  environment["CNI_NETNS"] = "/proc/self/ns/net";
  const PluginResult result = RunPlugin({environment, Config("/nowhere").dump()});
  EXPECT_EQ(result.code(), 8) << result.output;
}

TEST_F(ProcessTest, StatusIsSilentWhenAllIsWell) {
  FakeAgent agent({kDone});
  const PluginResult result = Run("STATUS", Config(agent.path()));
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_EQ(result.output, "");
}

TEST_F(ProcessTest, StatusSaysNotAvailableWithoutAnAgent) {
  const PluginResult result = Run("STATUS", Config(folder_ + "/none.sock"));
  EXPECT_EQ(result.code(), 50) << result.output;
  EXPECT_THAT(result.json()["details"].get<std::string>(), HasSubstr("fairlead-agent"));
}

TEST_F(ProcessTest, HandsTheAgentsErrorOnAsItIs) {
  FakeAgent agent({R"({"error":{"code":11,"msg":"no address","details":"pool is full"}})"});
  const PluginResult result = Run("STATUS", Config(agent.path()));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(
      result.json(),
      json({{"cniVersion", "1.1.0"}, {"code", 11}, {"msg", "no address"}, {"details", "pool is full"}}));
}

TEST_F(ProcessTest, RefusesWhatIsNoAnswer) {
  for (const char* answer : {"no json", "[]", "{}", R"({"done":5})", R"({"error":5})",
                             R"({"error":{"code":"x"}})", R"({"prepared":{}})"}) {
    FakeAgent agent({answer});
    EXPECT_EQ(Run("STATUS", Config(agent.path())).code(), 6) << answer;
  }
}

TEST_F(ProcessTest, GivesUpOnAnAgentThatSaysNothing) {
  FakeAgent agent({FakeAgent::kSayNothing});
  json config = Config(agent.path());
  config["timeoutSeconds"] = 1;
  config["prevResult"] = json::object();
  config["cni.dev/valid-attachments"] = json::array();
  EXPECT_EQ(Run("GC", config).code(), 11);
}

TEST_F(ProcessTest, GcSaysWhatIsStillValid) {
  FakeAgent agent({kDone});
  json config = Config(agent.path());
  config["cni.dev/valid-attachments"] = {{{"containerID", "s1"}, {"ifname", "eth0"}}};
  const PluginResult result = Run("GC", config);
  EXPECT_EQ(result.exit_code, 0) << result.output;
  const json request = json::parse(agent.requests().at(0));
  EXPECT_EQ(request["command"], "GC");
  EXPECT_EQ(request["attachments"], json::parse(R"([{"containerId": "s1", "ifName": "eth0"}])"));
}

TEST_F(ProcessTest, DelAsksTheAgentAlsoWithoutANamespace) {
  FakeAgent agent({kDone, kDone});
  auto environment = Environment("DEL");
  EXPECT_EQ(RunPlugin({environment, Config(agent.path()).dump()}).exit_code, 0);
  environment.erase("CNI_NETNS");
  EXPECT_EQ(RunPlugin({environment, Config(agent.path()).dump()}).exit_code, 0);
  const json request = json::parse(agent.requests().at(0));
  EXPECT_EQ(request["containerId"], "sandbox-1");
  EXPECT_EQ(request["podUid"], "uid-1");
  EXPECT_FALSE(std::filesystem::exists(QueuedFile()));
}

TEST_F(ProcessTest, DelWithoutAnAgentIsQueued) {
  for (int times = 0; times < 2; ++times) {
    const PluginResult result = Run("DEL", Config(folder_ + "/none.sock"));
    EXPECT_EQ(result.exit_code, 0) << result.output;
    EXPECT_EQ(result.output, "");
  }
  std::ifstream file(QueuedFile());
  const json queued = json::parse(std::string(std::istreambuf_iterator<char>(file), {}));
  EXPECT_EQ(queued["command"], "DEL");
  EXPECT_EQ(queued["containerId"], "sandbox-1");
  EXPECT_EQ(queued["ifName"], "eth0");
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/queue")) files += entry.exists();
  EXPECT_EQ(files, 1) << "no temporary file may stay";
}

TEST_F(ProcessTest, DelIsQueuedWhenTheAgentGoesAwayUnasked) {
  for (const char* answer : {FakeAgent::kHangUp, FakeAgent::kSayNothing}) {
    FakeAgent agent({answer});
    json config = Config(agent.path());
    config["timeoutSeconds"] = 1;
    EXPECT_EQ(Run("DEL", config).exit_code, 0);
    EXPECT_TRUE(std::filesystem::remove(QueuedFile())) << answer;
  }
}

TEST_F(ProcessTest, DelThatCanNeitherBeDeliveredNorQueuedFails) {
  json config = Config(folder_ + "/none.sock");
  config["queueDir"] = "/proc/no-folder";
  const PluginResult result = Run("DEL", config);
  EXPECT_EQ(result.code(), 5) << result.output;
}

TEST_F(ProcessTest, DelHandsTheAgentsRefusalOn) {
  FakeAgent agent({R"({"error":{"code":5,"msg":"delete device: EBUSY"}})"});
  EXPECT_EQ(Run("DEL", Config(agent.path())).code(), 5);
  EXPECT_FALSE(std::filesystem::exists(QueuedFile()));
}

}  // namespace
}  // namespace fairlead::cni
