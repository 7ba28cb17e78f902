// The CNI plugin and its configuration on the node: when they are written, what they say, what is kept.
#include "agent/node/node_setup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "agent/node/conflist.h"
#include "base/read_file.h"
#include "datapath/fake_datapath.h"
#include "kube/json.h"
#include "tests/agent/eventually.h"
#include "tests/agent/resources.h"
#include "tests/agent/scratch_folder.h"

namespace fairlead::agent {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(Conflist, TellsTheRuntimeWhereWeListenAndWhatWeCanDo) {
  const json list = kube::ParseJson(MakeConflist("/run/fairlead", {}).value()).value();
  EXPECT_EQ(kube::TextField(list, {"cniVersion"}), "1.0.0");
  ASSERT_THAT(list["plugins"], SizeIs(1));
  EXPECT_EQ(list["plugins"][0]["type"], "fairlead-cni");
  EXPECT_EQ(list["plugins"][0]["agentSocket"], "/run/fairlead/cni.sock");
  EXPECT_EQ(list["plugins"][0]["queueDir"], "/run/fairlead/cni-queue");
  for (const char* capability : {"portMappings", "ips", "mac"}) {
    EXPECT_TRUE(kube::TrueField(list["plugins"][0], {"capabilities", capability})) << capability;
  }
}

TEST(Conflist, PutsOtherPluginsAfterOurs) {
  const json list =
      kube::ParseJson(
          MakeConflist("/run", {R"({"type": "tuning", "sysctl": {}})", R"({"type": "sbr"})"}).value())
          .value();
  ASSERT_THAT(list["plugins"], SizeIs(3));
  EXPECT_EQ(list["plugins"][1]["type"], "tuning");
  EXPECT_EQ(list["plugins"][2]["type"], "sbr");
  for (const char* bad : {"tuning", "{}", "[]", R"({"type": 1})"}) {
    EXPECT_THAT(std::string(MakeConflist("/run", {bad}).status().message()),
                HasSubstr("--cni-chained-plugin"));
  }
}

TEST(Conflist, ComesFirstByName) {
  EXPECT_TRUE(ComesBeforeOurs("00-other.conflist"));
  EXPECT_TRUE(ComesBeforeOurs("05-a.conf"));
  EXPECT_FALSE(ComesBeforeOurs("00-notes.txt"));
  EXPECT_FALSE(ComesBeforeOurs(kConflistName));
  EXPECT_FALSE(ComesBeforeOurs("10-bridge.conflist"));
}

class NodeSetupTest : public ::testing::Test {
 protected:
  NodeSetupTest() {
    for (const char* folder : {"bin", "conf"}) std::filesystem::create_directory(folder_ / folder);
    WriteProgram("program 1");
    // Nothing is told yet: the agent is not ready.
    agent_.Start();
  }
  ~NodeSetupTest() override {
    loop_->Stop();
    if (owner_.joinable()) owner_.join();
    setup_.reset();
    loop_->Drain();
  }

  CniOptions Options() const {
    return {.bin_dir = folder_ / "bin", .conf_dir = folder_ / "conf", .binary = folder_ / "fairlead-cni"};
  }
  void WriteProgram(const std::string& content) const {
    const std::string path = folder_ / "fairlead-cni";
    std::ofstream(path) << content;
    ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
  }
  void Start() {
    setup_ = std::make_unique<NodeSetup>(loop_.get(), &agent_,
                                         CniInstallation::Create(Options(), "/run/fairlead").value(),
                                         [this] { ++readies_; });
    setup_->Start();
    owner_ = std::thread([this] { loop_->Run(); });
  }
  void MakeReady() {
    loop_->Post([this] {
      Push push;
      push.complete = true;
      push.watermark = 1;
      push.changes = {ConfigOf("node-1")};
      EXPECT_TRUE(agent_.OnPush(std::move(push)).empty());
    });
  }
  template <typename Holds>
  bool Eventually(Holds holds) {
    return EventuallyOn(*loop_, holds);
  }
  std::string Conflist() const { return folder_ / "conf/05-fairlead.conflist"; }

  ScratchFolder folder_;
  std::unique_ptr<EventLoop> loop_ = EventLoop::Create().value();
  datapath::FakeDatapath datapath_;
  NodeAgent agent_{
      {.node = "node-1", .state_file = folder_ / "last-good"}, loop_.get(), &datapath_, &SystemClock()};
  std::unique_ptr<NodeSetup> setup_;
  int readies_ = 0;
  std::thread owner_;
};

TEST_F(NodeSetupTest, WritesTheConfigurationOnlyWhenPodsCanBeServed) {
  Start();
  EXPECT_TRUE(Eventually([&] { return !agent_.Serving().ok(); }));
  EXPECT_FALSE(std::filesystem::exists(Conflist()));
  MakeReady();
  ASSERT_TRUE(Eventually([&] { return readies_ == 1; }));
  EXPECT_TRUE(Eventually([&] { return agent_.Serving().ok(); }));
  EXPECT_EQ(ReadFile(Conflist()).value_or(""), MakeConflist("/run/fairlead", {}).value());
  EXPECT_EQ(ReadFile(folder_ / "bin/fairlead-cni").value_or(""), "program 1");
  struct stat info{};
  ASSERT_EQ(::stat((folder_ / "bin/fairlead-cni").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0755u);
}

TEST_F(NodeSetupTest, SaysWhyItCannotWrite) {
  std::filesystem::remove(folder_ / "conf");
  Start();
  MakeReady();
  ASSERT_TRUE(Eventually([&] { return agent_.Ready().ok(); }));
  EXPECT_TRUE(Eventually(
      [&] { return std::string(agent_.Serving().message()).find("--cni-conf-dir") != std::string::npos; }));
  // Whoever mends it needs to start nothing again.
  std::filesystem::create_directory(folder_ / "conf");
  EXPECT_TRUE(Eventually([&] { return readies_ == 1; }));
}

class CniInstallationTest : public NodeSetupTest {
 protected:
  CniInstallation installation_ = CniInstallation::Create(Options(), "/run/fairlead").value();
};

TEST_F(CniInstallationTest, TouchesNothingThatIsRight) {
  ASSERT_TRUE(installation_.Install().ok());
  struct stat before{};
  ASSERT_EQ(::stat((folder_ / "bin/fairlead-cni").c_str(), &before), 0);
  ASSERT_TRUE(CniInstallation::Create(Options(), "/run/fairlead")->Install().ok());
  struct stat after{};
  ASSERT_EQ(::stat((folder_ / "bin/fairlead-cni").c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
}

TEST_F(CniInstallationTest, ReplacesAnOlderPlugin) {
  ASSERT_TRUE(installation_.Install().ok());
  WriteProgram("program 2, longer");
  ASSERT_TRUE(CniInstallation::Create(Options(), "/run/fairlead")->Install().ok());
  EXPECT_EQ(ReadFile(folder_ / "bin/fairlead-cni").value_or(""), "program 2, longer");
}

TEST_F(CniInstallationTest, PutsBackWhatSomebodyTookAway) {
  ASSERT_TRUE(installation_.Install().ok());
  std::filesystem::remove(Conflist());
  std::ofstream(folder_ / "bin/fairlead-cni") << "something else";
  ASSERT_TRUE(installation_.Install().ok());
  EXPECT_TRUE(std::filesystem::exists(Conflist()));
  EXPECT_EQ(ReadFile(folder_ / "bin/fairlead-cni").value_or(""), "program 1");
}

TEST_F(CniInstallationTest, NamesConfigurationsThatRuntimesPrefer) {
  std::ofstream(folder_ / "conf/00-multus.conf") << R"({"type": "multus-shim"})";
  std::ofstream(folder_ / "conf/10-bridge.conflist") << R"({"plugins": [{"type": "bridge"}]})";
  EXPECT_THAT(installation_.Preferred(), IsEmpty());
  std::ofstream(folder_ / "conf/01-bridge.conflist") << R"({"plugins": [{"type": "bridge"}]})";
  EXPECT_THAT(installation_.Preferred(), ElementsAre(folder_ / "conf/01-bridge.conflist"));
}

TEST_F(CniInstallationTest, RemovesTheConfigurationAndThePlugin) {
  ASSERT_TRUE(installation_.Install().ok());
  for (int i = 0; i < 2; ++i) {  // again is no error
    EXPECT_TRUE(RemoveConflist(Options()).ok());
    EXPECT_TRUE(RemoveProgram(Options()).ok());
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "conf"));
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "bin"));
}

TEST_F(CniInstallationTest, NamesAPluginThatIsNotThere) {
  CniOptions options = Options();
  options.binary = "/no/such";
  EXPECT_THAT(std::string(CniInstallation::Create(options, "/run").status().message()),
              HasSubstr("--cni-binary /no/such"));
}

}  // namespace
}  // namespace fairlead::agent
