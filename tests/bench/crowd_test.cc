#include "bench/load/crowd.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "bench/load/concurrent_server.h"

namespace fairlead::bench {
namespace {

// A server in a process of its own, so that it can be killed.
class Server {
 public:
  Server() : address_(*ParseAddress("127.0.0.1", 0)) {
    UniqueFd listener = *TcpListener(address_);
    address_.length = sizeof address_.storage;
    getsockname(listener.get(), address_.get(), &address_.length);
    listener.reset();
    pid_ = fork();
    if (pid_ == 0) {
      (void)ServeConcurrently(address_);
      _exit(1);
    }
    const int64_t deadline = NowNs() + 60'000'000'000;
    while (NowNs() < deadline && !Connect(TcpSocket(AF_INET)->get(), address_).ok()) {
    }
  }
  ~Server() { Kill(); }

  void Kill() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    pid_ = 0;
  }
  const SocketAddress& address() const { return address_; }

 private:
  SocketAddress address_;
  pid_t pid_ = 0;
};

TEST(Crowd, LosesNothingWhenNothingHappens) {
  const Server server;
  const auto result = RunCrowd({.server = server.address(),
                                .connections = 50,
                                .exchanges_per_second = 10,
                                .new_per_second = 200,
                                .seconds = 0.5,
                                .patience_seconds = 60});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->held, 50u);
  // On a busy machine fewer fall due in time; never more.
  EXPECT_GT(result->exchanges, 0u);
  EXPECT_LE(result->exchanges, 300u);
  EXPECT_GT(result->new_connections, 0u);
  EXPECT_LE(result->new_connections, 120u);
  EXPECT_EQ(result->broken + result->lost + result->new_failed, 0u) << result->ToJson();
}

TEST(Crowd, CountsBrokenAndFailedConnectionsWhenTheServerDies) {
  std::signal(SIGPIPE, SIG_IGN);
  Server server;
  const int64_t begin = NowNs();
  std::jthread killer([&] {
    while (NowNs() < begin + 1'000'000'000) std::this_thread::yield();
    server.Kill();
  });
  const auto result = RunCrowd({.server = server.address(),
                                .connections = 20,
                                .exchanges_per_second = 10,
                                .new_per_second = 200,
                                .seconds = 2,
                                .patience_seconds = 0.5});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->broken, 20u) << result->ToJson();
  EXPECT_GT(result->new_failed, 10u) << result->ToJson();
}

TEST(Crowd, FailsWhenNobodyListens) {
  Server server;
  server.Kill();
  EXPECT_FALSE(RunCrowd({.server = server.address(), .connections = 1, .seconds = 0.1}).ok());
}

}  // namespace
}  // namespace fairlead::bench
