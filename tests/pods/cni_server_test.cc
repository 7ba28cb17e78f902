// The CNI socket as any process could use it: in order, out of order, too much, and not at all.
#include "agent/cni/cni_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>
#include <thread>

#include "agent/details.h"

namespace fairlead::agent {
namespace {

using ::testing::HasSubstr;

constexpr char kAdd[] =
    R"({"version":1,"command":"ADD","containerId":"s1","ifName":"eth0","podNamespace":"shop","podName":"p"})";
constexpr char kDel[] = R"({"version":1,"command":"DEL","containerId":"s1","ifName":"eth0"})";
constexpr char kCommit[] = R"({"commit":{"hostInterfaceIndex":7}})";

// Prepares everything, commits when it is told to, and remembers.
class Recorder : public CniServer::Handler {
 public:
  absl::StatusOr<PreparedReply> Prepare(const CniRequest& request) override {
    events.push_back("prepare " + request.key());
    return PreparedReply{.lease = {.host_interface = "flp00000000001"}, .mtu = 1500};
  }
  void Commit(const std::string& key, uint32_t ifindex,
              std::function<void(const absl::Status&)> done) override {
    events.push_back("commit " + key + " " + std::to_string(ifindex));
    if (hold) {
      held = std::move(done);
    } else {
      done(commit_status);
    }
  }
  void Abandon(const std::string& key) override { events.push_back("abandon " + key); }
  absl::Status Run(const CniRequest& request) override {
    events.push_back("run " + request.key());
    return run_status;
  }

  std::vector<std::string> events;
  absl::Status commit_status, run_status;
  bool hold = false;
  std::function<void(const absl::Status&)> held;
};

class Client {
 public:
  explicit Client(const std::string& path) : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{.sun_family = AF_UNIX};
    memcpy(address.sun_path, path.data(), path.size());
    EXPECT_EQ(connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  bool Write(const std::string& bytes) const {
    return send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
  }
  // The next line; empty when the server hangs up.
  std::string Read() {
    while (input_.find('\n') == std::string::npos) {
      pollfd poller{.fd = fd_.get(), .events = POLLIN};
      char buffer[4096];
      if (poll(&poller, 1, 60'000) <= 0) return "<no answer>";
      const ssize_t count = recv(fd_.get(), buffer, sizeof(buffer), 0);
      if (count <= 0) return "";
      input_.append(buffer, static_cast<size_t>(count));
    }
    const size_t end = input_.find('\n');
    std::string line = input_.substr(0, end);
    input_.erase(0, end + 1);
    return line;
  }
  std::string Ask(const std::string& line) {
    Write(line + "\n");
    return Read();
  }

 private:
  UniqueFd fd_;
  std::string input_;
};

class CniServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/fairlead-cni-socket-XXXXXX";
    folder_ = mkdtemp(folder);
    Start(std::chrono::seconds(60));
  }
  void TearDown() override {
    Stop();
    std::filesystem::remove_all(folder_);
  }
  void Start(std::chrono::milliseconds patience) {
    loop_ = *EventLoop::Create();
    auto server = CniServer::Listen(path(), loop_.get(), &recorder_, patience);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    thread_ = std::thread([this] { loop_->Run(); });
  }
  void Stop() {
    if (!thread_.joinable()) return;
    loop_->Stop();
    thread_.join();
    server_.reset();
  }
  std::string path() const { return folder_ + "/cni.sock"; }
  std::vector<std::string> Events() {
    return *loop_->Call<std::vector<std::string>>(std::chrono::seconds(60),
                                                  [this] { return recorder_.events; });
  }
  // Until `event` has happened.
  bool Happens(const std::string& event) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < deadline) {
      for (const std::string& seen : Events()) {
        if (seen == event) return true;
      }
    }
    return false;
  }

  std::string folder_;
  Recorder recorder_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<CniServer> server_;
  std::thread thread_;
};

TEST_F(CniServerTest, OnlyRootMayOpenTheSocket) {
  struct stat info;
  ASSERT_EQ(stat(path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(CniServerTest, CarriesAnAddInTwoHalves) {
  Client client(path());
  EXPECT_THAT(client.Ask(kAdd), HasSubstr("prepared"));
  EXPECT_EQ(client.Ask(kCommit), R"({"done":{}})");
  EXPECT_THAT(Events(), ::testing::ElementsAre("prepare s1/eth0", "commit s1/eth0 7"));
}

TEST_F(CniServerTest, AConnectionThatClosesInBetweenIsAbandoned) {
  {
    Client client(path());
    client.Ask(kAdd);
  }
  EXPECT_TRUE(Happens("abandon s1/eth0"));
}

TEST_F(CniServerTest, AConnectionThatClosesWhileTheCommitWaitsIsAbandoned) {
  recorder_.hold = true;
  {
    Client client(path());
    client.Ask(kAdd);
    client.Write(std::string(kCommit) + "\n");
    ASSERT_TRUE(Happens("commit s1/eth0 7"));
  }
  EXPECT_TRUE(Happens("abandon s1/eth0"));
  // The answer that comes too late finds nobody and hurts nobody.
  EXPECT_TRUE(*loop_->Call<bool>(std::chrono::seconds(60), [this] {
    recorder_.held(absl::OkStatus());
    return true;
  }));
}

TEST_F(CniServerTest, ADoneAddIsNotAbandoned) {
  {
    Client client(path());
    client.Ask(kAdd);
    client.Ask(kCommit);
  }
  Client next(path());
  next.Ask(kDel);
  for (const std::string& event : Events()) EXPECT_NE(event, "abandon s1/eth0");
}

TEST_F(CniServerTest, OneAddAtATimeForASandbox) {
  Client first(path()), second(path());
  first.Ask(kAdd);
  EXPECT_THAT(second.Ask(kAdd), HasSubstr("under way"));
  EXPECT_EQ(first.Ask(kCommit), R"({"done":{}})");
}

TEST_F(CniServerTest, AFailedCommitIsToldAndNotAbandonedOnTop) {
  recorder_.commit_status = WithDetails(absl::DeadlineExceededError("no policy"), "wait");
  Client client(path());
  client.Ask(kAdd);
  EXPECT_EQ(client.Ask(kCommit), R"({"error":{"code":11,"details":"wait","msg":"no policy"}})");
}

TEST_F(CniServerTest, WhatIsOutOfOrderIsRefused) {
  for (const char* line : {kCommit, "no json", "{}", "[1]"}) {
    Client client(path());
    EXPECT_THAT(client.Ask(line), HasSubstr(R"("code":7)")) << line;
    EXPECT_EQ(client.Read(), "") << "and that is the end of it";
  }
  Client client(path());
  client.Ask(kAdd);
  EXPECT_THAT(client.Ask(kDel), HasSubstr("in the middle of an ADD"));
  EXPECT_TRUE(Happens("abandon s1/eth0"));
}

TEST_F(CniServerTest, ALineWithoutEndIsCutOff) {
  Client client(path());
  client.Write(std::string(CniServer::kMaxLine + 1, 'x'));
  EXPECT_THAT(client.Read(), HasSubstr("longer than 64 KiB"));
  EXPECT_EQ(client.Read(), "");
}

TEST_F(CniServerTest, LinesInPiecesAndTogetherAreTheSame) {
  Client client(path());
  for (const char c : std::string(kAdd)) ASSERT_TRUE(client.Write(std::string(1, c)));
  client.Write("\n");
  EXPECT_THAT(client.Read(), HasSubstr("prepared"));
  Client both(path());
  both.Write(std::string(kDel) + "\n" + kDel + "\n");
  EXPECT_EQ(both.Read(), R"({"done":{}})");
  EXPECT_EQ(both.Read(), R"({"done":{}})");
}

TEST_F(CniServerTest, APluginThatSaysNothingIsGivenUp) {
  Stop();
  Start(std::chrono::milliseconds(20));
  Client silent(path());
  EXPECT_EQ(silent.Read(), "");
  Client half(path());
  half.Ask(kAdd);
  EXPECT_EQ(half.Read(), "");
  EXPECT_TRUE(Happens("abandon s1/eth0"));
}

TEST_F(CniServerTest, StatusSaysNotAvailableByItsOwnCode) {
  recorder_.run_status = absl::UnavailableError("no NodeConfig");
  Client client(path());
  EXPECT_THAT(client.Ask(R"({"version":1,"command":"STATUS"})"), HasSubstr(R"("code":50)"));
}

TEST_F(CniServerTest, TheEndOfTheServerAbandonsWhatIsUnderWay) {
  Client client(path());
  client.Ask(kAdd);
  Stop();
  EXPECT_EQ(recorder_.events.back(), "abandon s1/eth0");
  EXPECT_EQ(client.Read(), "");
}

}  // namespace
}  // namespace fairlead::agent
