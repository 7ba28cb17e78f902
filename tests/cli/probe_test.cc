// The probe's server and client over loopback, and the parsing of what they are given.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <thread>

#include "cli/probe/attempt.h"
#include "cli/probe/server.h"
#include "cli/probe/socket.h"
#include "cli/probe/stream.h"
#include "cli/probe/target.h"

namespace fairlead::probe {
namespace {

using testing::ElementsAre;
using testing::Pair;

// A port that was free a moment ago.
uint16_t FreePort(Protocol protocol) {
  UniqueFd fd = std::move(OpenSocket(AF_INET, protocol)).value();
  SocketAddress address = SocketAddress::Of(IpAddress::FromV4(0x7f000001), 0);
  ::bind(fd.get(), address.get(), address.length);
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address.storage), &address.length);
  return ntohs(reinterpret_cast<sockaddr_in*>(&address.storage)->sin_port);
}

class RunningServer {
 public:
  RunningServer() : tcp(FreePort(Protocol::kTcp)), udp(FreePort(Protocol::kUdp)), stop_(::eventfd(0, 0)) {
    auto server = Server::Open({{Protocol::kTcp, tcp}, {Protocol::kUdp, udp}}, "cart-0");
    EXPECT_TRUE(server.ok()) << server.status();
    thread_ = std::thread(
        [this, server = std::move(*server)]() mutable { EXPECT_TRUE(server.Run(stop_.get()).ok()); });
  }
  ~RunningServer() { Stop(); }
  void Stop() {
    if (!thread_.joinable()) return;
    ::eventfd_write(stop_.get(), 1);
    thread_.join();
  }

  const uint16_t tcp, udp;

 private:
  UniqueFd stop_;
  std::thread thread_;
};

Target At(uint16_t port, Protocol protocol = Protocol::kTcp) {
  return {.protocol = protocol, .address = IpAddress::FromV4(0x7f000001), .port = port};
}

TEST(ProbeTest, TellsWhoAnsweredAndHowTheClientWasSeen) {
  const RunningServer server;
  const auto outcomes = Probe({At(server.tcp), At(server.udp, Protocol::kUdp)}, {.send = "hello"});
  for (const Outcome& outcome : outcomes) {
    EXPECT_EQ(outcome.result, Result::kOk) << outcome.detail;
    EXPECT_EQ(outcome.host, "cart-0");
    EXPECT_THAT(outcome.seen_as, testing::StartsWith("127.0.0.1:"));
    EXPECT_THAT(outcome.answer, testing::EndsWith(" hello"));
  }
}

TEST(ProbeTest, TellsRefusedFromUnexpected) {
  const RunningServer server;
  EXPECT_EQ(Probe({At(FreePort(Protocol::kTcp))}, {})[0].result, Result::kRefused);
  EXPECT_EQ(Probe({At(FreePort(Protocol::kUdp), Protocol::kUdp)}, {})[0].result, Result::kRefused);
  EXPECT_EQ(Probe({At(server.tcp)}, {.expect = "payments"})[0].result, Result::kUnexpected);
}

TEST(ProbeTest, TimesOutWhenNobodyAnswers) {
  // Bound, but nobody reads.
  const uint16_t port = FreePort(Protocol::kUdp);
  UniqueFd silent = std::move(OpenSocket(AF_INET, Protocol::kUdp)).value();
  const SocketAddress address = SocketAddress::Of(IpAddress::FromV4(0x7f000001), port);
  ASSERT_EQ(::bind(silent.get(), address.get(), address.length), 0);
  EXPECT_EQ(Probe({At(port, Protocol::kUdp)}, {.timeout_ms = 20})[0].result, Result::kTimeout);
}

TEST(StreamTest, LosesNothingOnAQuietLine) {
  const RunningServer server;
  for (const bool new_connections : {false, true}) {
    const StreamReport report = RunStream(
        At(server.tcp), {.interval_ms = 1, .duration_ms = 50, .new_connections = new_connections}, -1);
    EXPECT_EQ(report.end, Result::kOk);
    EXPECT_GT(report.sent, 0u);
    EXPECT_EQ(report.lost, 0u);
    EXPECT_THAT(report.hosts, ElementsAre(Pair("cart-0", report.sent)));
  }
}

TEST(StreamTest, ReportsTheEndOfAConnection) {
  RunningServer server;
  std::thread stopper([&] { server.Stop(); });
  const StreamReport report = RunStream(At(server.tcp), {.interval_ms = 1, .duration_ms = 10'000}, -1);
  stopper.join();
  EXPECT_NE(report.end, Result::kOk);
}

TEST(TargetTest, ParsesAddressesNamesAndProtocols) {
  const Hosts hosts =
      ParseHosts("# comment\n10.96.0.7 cart.shop cart.shop.svc # tail\nfd00::7 cart.shop\nbad line\n");
  EXPECT_EQ(ToString(*ParseTarget("10.0.0.1:80")), "10.0.0.1:80");
  EXPECT_EQ(ToString(*ParseTarget("[fd00::1]:53/udp")), "[fd00::1]:53/udp");
  EXPECT_EQ(ToString(*ParseTarget("cart.shop:80", hosts)), "10.96.0.7:80");
  EXPECT_EQ(ToString(*ParseTarget("cart.shop:80", hosts, Family::kIpv6)), "[fd00::7]:80");
}

TEST(TargetTest, RefusesWhatItCannotRead) {
  for (const char* bad : {"", ":", "10.0.0.1", "[fd00::1]", "10.0.0.1:0", "10.0.0.1:65536",
                          "10.0.0.1:80/icmp", "nobody:80", ":80", "10.0.0.1:80/"}) {
    EXPECT_FALSE(ParseTarget(bad).ok()) << bad;
  }
  for (const char* bad : {"", "80", "tcp:", "tcp:x", "icmp:1"}) EXPECT_FALSE(ParseListen(bad).ok()) << bad;
}

TEST(PercentileTest, OfNothingIsZero) {
  EXPECT_EQ(Percentile({}, 0.99), 0);
  EXPECT_EQ(Percentile({1, 2, 3, 4}, 0.5), 3);
  EXPECT_EQ(Percentile({1, 2, 3, 4}, 1), 4);
}

}  // namespace
}  // namespace fairlead::probe
